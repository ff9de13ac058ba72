;;! invoke: add32 0x7fffffff 1
;;! invoke: sub32 0x80000000 1
;;! invoke: mul32 0x10001 0x10001
;;! invoke: add64 0x7fffffffffffffff 1
;;! invoke: sub64 0 1
;;! invoke: mul64 0x100000001 0x100000001
;;! invoke: mul64 -1 -1

(module
  (func (export "add32") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "sub32") (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1)))
  (func (export "mul32") (param i32 i32) (result i32) (i32.mul (local.get 0) (local.get 1)))
  (func (export "add64") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
  (func (export "sub64") (param i64 i64) (result i64) (i64.sub (local.get 0) (local.get 1)))
  (func (export "mul64") (param i64 i64) (result i64) (i64.mul (local.get 0) (local.get 1))))

;;= add32 0x7fffffff 1 -> -2147483648
;;= sub32 0x80000000 1 -> 2147483647
;;= mul32 0x10001 0x10001 -> 131073
;;= add64 0x7fffffffffffffff 1 -> -9223372036854775808
;;= sub64 0 1 -> -1
;;= mul64 0x100000001 0x100000001 -> 8589934593
;;= mul64 -1 -1 -> 1
