;;! invoke: wrapped 0x100000004
;;! invoke: wrapped 0xffffffff00000004
;;! invoke: sum -4 8
;;! invoke: sum 0x80000000 0x80000004
;;! invoke: negative_offset 8
;;! invoke: shifted 0x40000001
;;! invoke: narrowed 0x7fff00000104
;;! invoke: loaded

;; An index has 32 bits, whatever is in the upper half of its register; arithmetic on it wraps
;; before the address is made.
(module
  (memory 1)
  (data (i32.const 4) "\2a\00\00\00")
  (data (i32.const 8) "\04\00\00\00\ff\ff\ff\ff")
  (func (export "wrapped") (param i64) (result i32) (i32.load (i32.wrap_i64 (local.get 0))))
  (func (export "sum") (param i32 i32) (result i32)
    (i32.load (i32.add (local.get 0) (local.get 1))))
  (func (export "negative_offset") (param i32) (result i32)
    (i32.load (i32.sub (local.get 0) (i32.const 4))))
  (func (export "shifted") (param i32) (result i32)
    (i32.load (i32.shl (local.get 0) (i32.const 2))))
  (func (export "narrowed") (param i64) (result i32)
    (i32.load (i32.and (i32.wrap_i64 (local.get 0)) (i32.const 0xff))))
  ;; The index comes from an eight-byte load.
  (func (export "loaded") (result i32)
    (i32.load (i32.wrap_i64 (i64.load (i32.const 8))))))

;;= wrapped 0x100000004 -> 42
;;= wrapped 0xffffffff00000004 -> 42
;;= sum -4 8 -> 42
;;= sum 0x80000000 0x80000004 -> 42
;;= negative_offset 8 -> 42
;;= shifted 0x40000001 -> 42
;;= narrowed 0x7fff00000104 -> 42
;;= loaded -> 42
