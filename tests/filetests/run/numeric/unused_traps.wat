;;! invoke: div 1 0
;;! invoke: rem 1 0
;;! invoke: trunc nan
;;! invoke: load 65536
;;! invoke: load 65532
;;! invoke: div_of_constants
;;! invoke: branch 1 0
;;! invoke: twice 0
;;! invoke: overwritten 65536

;; What may trap stays, though nobody wants its result.
(module
  (memory 1)
  (func (export "div") (param i32 i32) (drop (i32.div_s (local.get 0) (local.get 1))))
  (func (export "rem") (param i32 i32) (drop (i32.rem_u (local.get 0) (local.get 1))))
  (func (export "trunc") (param f64) (drop (i64.trunc_f64_s (local.get 0))))
  (func (export "load") (param i32) (drop (i32.load (local.get 0))))
  (func (export "div_of_constants") (drop (i64.div_u (i64.const 1) (i64.const 0))))
  (func (export "branch") (param i32 i32)
    (drop (i32.div_s (local.get 0) (local.get 1)))
    (br_if 0 (local.get 0))
    (unreachable))
  ;; The first of two traps is the one that happens.
  (func (export "twice") (param i32)
    (drop (i32.div_u (i32.const 1) (local.get 0)))
    (drop (i32.load offset=0x10000 (local.get 0))))
  (func (export "overwritten") (param i32)
    (i32.store (local.get 0) (i32.const 1))
    (i32.store (local.get 0) (i32.const 2))))

;;= div 1 0 -> trap: integer divide by zero
;;= rem 1 0 -> trap: integer divide by zero
;;= trunc nan -> trap: invalid conversion to integer
;;= load 65536 -> trap: out of bounds memory access
;;= load 65532 ->
;;= div_of_constants -> trap: integer divide by zero
;;= branch 1 0 -> trap: integer divide by zero
;;= twice 0 -> trap: integer divide by zero
;;= overwritten 65536 -> trap: out of bounds memory access
