(module
  (type $binary (func (param i32 i32) (result i32)))
  (memory 1)
  (table 4 funcref)
  (elem (i32.const 1) $add $sub)

  (func $add (export "add") (type $binary)
    (i32.add (local.get 0) (local.get 1)))
  (func $sub (type $binary)
    (i32.sub (local.get 0) (local.get 1)))
  ;; Through a constant table, which the linker fills with distances.
  (func (export "apply@@2") (param i32 i32 i32) (result i32)
    (call_indirect (type $binary) (local.get 1) (local.get 2) (local.get 0)))
  ;; Through a runtime symbol, which the host defines.
  (func (export "grow") (param i32) (result i32)
    (memory.grow (local.get 0)))
  (func $fib (export "fib") (param i64) (result i64)
    (if (result i64) (i64.lt_u (local.get 0) (i64.const 2))
      (then (local.get 0))
      (else (i64.add
        (call $fib (i64.sub (local.get 0) (i64.const 1)))
        (call $fib (i64.sub (local.get 0) (i64.const 2))))))))
