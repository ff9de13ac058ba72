;;! invoke: load8_max 0
;;! invoke: load8_max 1
;;! invoke: load8_max -1
;;! invoke: load64_max -1
;;! invoke: store64_max -1
;;! invoke: load128_max -1
;;! invoke: load8_half -1
;;! invoke: load8_half 0x80000000
;;! invoke: load8_guard_minus_1 0
;;! invoke: load8_guard_minus_1 -1
;;! invoke: load8_guard 0
;;! invoke: load8_guard -1
;;! invoke: load64_guard_minus_8 -1
;;! invoke: load64_guard_minus_7 -1
;;! invoke: load32_at_end 0
;;! invoke: load32_at_end 1
;;! invoke: load32_at_end -1
;;! invoke: load_constant
;;! invoke: load_constant_max

;; Index and offset are added without wrapping: 0xffffffff + 1 is not 0. 0x2000000 is the size of
;; the guard, up to which an offset needs no check of its own.
(module
  (memory 2)
  (data (i32.const 0) "\2a\00\00\00\00\00\00\00")
  (func (export "load8_max") (param i32) (result i32)
    (i32.load8_u offset=0xffffffff (local.get 0)))
  (func (export "load64_max") (param i32) (result i64)
    (i64.load offset=0xffffffff (local.get 0)))
  (func (export "store64_max") (param i32)
    (i64.store offset=0xffffffff (local.get 0) (i64.const -1)))
  (func (export "load128_max") (param i32) (result v128)
    (v128.load offset=0xffffffff (local.get 0)))
  (func (export "load8_half") (param i32) (result i32)
    (i32.load8_u offset=0x80000000 (local.get 0)))
  (func (export "load8_guard_minus_1") (param i32) (result i32)
    (i32.load8_u offset=0x1ffffff (local.get 0)))
  (func (export "load8_guard") (param i32) (result i32)
    (i32.load8_u offset=0x2000000 (local.get 0)))
  (func (export "load64_guard_minus_8") (param i32) (result i64)
    (i64.load offset=0x1fffff8 (local.get 0)))
  (func (export "load64_guard_minus_7") (param i32) (result i64)
    (i64.load offset=0x1fffff9 (local.get 0)))
  (func (export "load32_at_end") (param i32) (result i32)
    (i32.load offset=0x1fffc (local.get 0)))
  (func (export "load_constant") (result i32) (i32.load offset=0x1fffc (i32.const 4)))
  (func (export "load_constant_max") (result i32)
    (i32.load offset=0xffffffff (i32.const 0xffffffff))))

;;= load8_max 0 -> trap: out of bounds memory access
;;= load8_max 1 -> trap: out of bounds memory access
;;= load8_max -1 -> trap: out of bounds memory access
;;= load64_max -1 -> trap: out of bounds memory access
;;= store64_max -1 -> trap: out of bounds memory access
;;= load128_max -1 -> trap: out of bounds memory access
;;= load8_half -1 -> trap: out of bounds memory access
;;= load8_half 0x80000000 -> trap: out of bounds memory access
;;= load8_guard_minus_1 0 -> trap: out of bounds memory access
;;= load8_guard_minus_1 -1 -> trap: out of bounds memory access
;;= load8_guard 0 -> trap: out of bounds memory access
;;= load8_guard -1 -> trap: out of bounds memory access
;;= load64_guard_minus_8 -1 -> trap: out of bounds memory access
;;= load64_guard_minus_7 -1 -> trap: out of bounds memory access
;;= load32_at_end 0 -> 0
;;= load32_at_end 1 -> trap: out of bounds memory access
;;= load32_at_end -1 -> trap: out of bounds memory access
;;= load_constant -> trap: out of bounds memory access
;;= load_constant_max -> trap: out of bounds memory access
