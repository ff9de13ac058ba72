;;! invoke: apply 20
;;! invoke: tail 1000000
;;! invoke: null
;;! invoke: tail_null
;;! invoke: of_table 0
;;! invoke: of_table 1
;;! invoke: of_table 2
;;! invoke: as_non_null 0
;;! invoke: as_non_null 1
;;! invoke: on_null 0
;;! invoke: on_null 1
;;! invoke: on_non_null 0
;;! invoke: on_non_null 1
;;! invoke: local
;;! invoke: host
;;! backtrace: true

(module
  (type $unary (func (param i32) (result i32)))
  (type $counter (func (param i32 (ref $counter)) (result i32)))
  (type $binary (func (param i32 i32) (result i32)))
  (import "host" "add" (func $add (type $binary)))
  (elem declare func $twice $count)
  (global $twice_ref (ref $unary) (ref.func $twice))
  ;; Calls through a table of just this type compare no types.
  (table $typed 3 (ref null $unary))
  (elem (table $typed) (i32.const 0) (ref null $unary) (ref.func $twice) (ref.null $unary))
  (elem (table $typed) (i32.const 2) (ref null $unary) (global.get $twice_ref))
  (table $full 2 (ref $binary) (ref.func $add))

  (func $twice (type $unary) (i32.mul (local.get 0) (i32.const 2)))
  (func $count (type $counter)
    (if (result i32) (local.get 0)
      (then (return_call_ref $counter
        (i32.sub (local.get 0) (i32.const 1)) (local.get 1) (local.get 1)))
      (else (i32.const 5))))
  (func $pick (param i32) (result (ref null $unary))
    (if (result (ref null $unary)) (local.get 0)
      (then (global.get $twice_ref))
      (else (ref.null nofunc))))

  (func (export "apply") (param i32) (result i32)
    (call_ref $unary (call_ref $unary (local.get 0) (ref.func $twice)) (global.get $twice_ref)))
  (func (export "tail") (param i32) (result i32)
    (call_ref $counter (local.get 0) (ref.func $count) (ref.func $count)))
  (func (export "null") (result i32) (call_ref $unary (i32.const 1) (ref.null $unary)))
  (func (export "tail_null") (result i32)
    (return_call_ref $unary (i32.const 1) (call $pick (i32.const 0))))
  (func (export "of_table") (param i32) (result i32)
    (call_indirect $typed (type $unary) (i32.const 4) (local.get 0)))
  (func (export "as_non_null") (param i32) (result i32)
    (call_ref $unary (i32.const 8) (ref.as_non_null (call $pick (local.get 0)))))
  (func (export "on_null") (param i32) (result i32)
    (block $null (result i32)
      (i32.const 1)
      (call $pick (local.get 0))
      (br_on_null $null)
      (call_ref $unary)))
  (func (export "on_non_null") (param i32) (result i32)
    (block $there (result i32 (ref $unary))
      (i32.const 3)
      (call $pick (local.get 0))
      (br_on_non_null $there)
      (return))
    (call_ref $unary))
  (func (export "local") (result i32)
    (local $f (ref $unary))
    (local.set $f (ref.func $twice))
    (call_ref $unary (i32.const 6) (local.get $f)))
  (func (export "host") (result i32)
    (call_ref $binary (i32.const 1) (i32.const 2) (table.get $full (i32.const 1)))))

;;= apply 20 -> 80
;;= tail 1000000 -> 5
;;= null -> trap: null reference
;;=   in null
;;= tail_null -> trap: null reference
;;=   in tail_null
;;= of_table 0 -> 8
;;= of_table 1 -> trap: uninitialized element
;;=   in of_table
;;= of_table 2 -> 8
;;= as_non_null 0 -> trap: null reference
;;=   in as_non_null
;;= as_non_null 1 -> 16
;;= on_null 0 -> 1
;;= on_null 1 -> 2
;;= on_non_null 0 -> 3
;;= on_non_null 1 -> 6
;;= local -> 12
;;= host -> 3
