;;! invoke: i32_store8 0x11223344
;;! invoke: i32_store16 0x11223344
;;! invoke: i32_store 0x11223344
;;! invoke: i64_store8 0x1122334455667788
;;! invoke: i64_store16 0x1122334455667788
;;! invoke: i64_store32 0x1122334455667788
;;! invoke: i64_store 0x1122334455667788
;;! invoke: f32_store 1.5
;;! invoke: f64_store -2.5

;; Each stores over ones and gives the eight bytes from the address before on, as one number: what
;; is beside the bytes that are stored keeps its ones.
(module
  (memory 1)
  (func $ones (i64.store (i32.const 99) (i64.const -1)) (i64.store (i32.const 107) (i64.const -1)))
  (func $bytes (result i64 i64) (i64.load (i32.const 99)) (i64.load (i32.const 107)))
  (func (export "i32_store8") (param i32) (result i64 i64)
    (call $ones) (i32.store8 (i32.const 100) (local.get 0)) (call $bytes))
  (func (export "i32_store16") (param i32) (result i64 i64)
    (call $ones) (i32.store16 (i32.const 100) (local.get 0)) (call $bytes))
  (func (export "i32_store") (param i32) (result i64 i64)
    (call $ones) (i32.store (i32.const 100) (local.get 0)) (call $bytes))
  (func (export "i64_store8") (param i64) (result i64 i64)
    (call $ones) (i64.store8 (i32.const 100) (local.get 0)) (call $bytes))
  (func (export "i64_store16") (param i64) (result i64 i64)
    (call $ones) (i64.store16 (i32.const 100) (local.get 0)) (call $bytes))
  (func (export "i64_store32") (param i64) (result i64 i64)
    (call $ones) (i64.store32 (i32.const 100) (local.get 0)) (call $bytes))
  (func (export "i64_store") (param i64) (result i64 i64)
    (call $ones) (i64.store (i32.const 100) (local.get 0)) (call $bytes))
  (func (export "f32_store") (param f32) (result i64 i64)
    (call $ones) (f32.store (i32.const 100) (local.get 0)) (call $bytes))
  (func (export "f64_store") (param f64) (result i64 i64)
    (call $ones) (f64.store (i32.const 100) (local.get 0)) (call $bytes)))

;;= i32_store8 0x11223344 -> -47873 -1
;;= i32_store16 0x11223344 -> -13417217 -1
;;= i32_store 0x11223344 -> -1025923398401 -1
;;= i64_store8 0x1122334455667788 -> -30465 -1
;;= i64_store16 0x1122334455667788 -> -8943361 -1
;;= i64_store32 0x1122334455667788 -> -732720297729 -1
;;= i64_store 0x1122334455667788 -> 2464388554683812095 -239
;;= f32_store 1.5 -> -825707462401 -1
;;= f64_store -2.5 -> 288230376151711999 -64
