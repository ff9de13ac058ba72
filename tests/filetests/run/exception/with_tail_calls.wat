;;! invoke: tail_call_leaves
;;! invoke: call_ref_is_caught
;;! invoke: call_indirect_is_caught
;;! invoke: tail_called_throws
;;! invoke: args_on_stack
;;! invoke: uncaught_after_tail_call
;;! invoke: subtype_is_caught
;;! backtrace: true

;; Exceptions and calls of all kinds.
(module
  (type $thrower (func (param i32) (result i32)))
  (type $open (sub (func (param i32) (result i32))))
  (type $closed (sub final $open (func (param i32) (result i32))))
  (tag $t (param i32))
  (table $table 2 (ref null $thrower))
  (elem (table $table) (i32.const 1) (ref null $thrower) (ref.func $throw))
  (table $subtypes funcref (elem $closed))

  (func $throw (type $thrower) (throw $t (i32.add (local.get 0) (i32.const 1))))
  (func $closed (type $closed) (throw $t (i32.mul (local.get 0) (i32.const 2))))
  (func $tail (type $thrower) (return_call $throw (local.get 0)))
  (func $many (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i32)
    (throw $t (i32.wrap_i64 (i64.add (local.get 9) (local.get 0)))))

  ;; The frame that would have caught is gone when the callee throws.
  (func $leaves (result i32)
    (block $caught (result i32)
      (try_table (result i32) (catch $t $caught)
        (return_call $throw (i32.const 10)))))
  (func (export "tail_call_leaves") (result i32)
    (i32.add (i32.const 100)
      (block $caught (result i32)
        (try_table (result i32) (catch $t $caught) (call $leaves)))))
  (func (export "call_ref_is_caught") (result i32)
    (block $caught (result i32)
      (try_table (result i32) (catch $t $caught)
        (call_ref $thrower (i32.const 20) (ref.func $throw)))))
  (func (export "call_indirect_is_caught") (result i32)
    (block $caught (result i32)
      (try_table (result i32) (catch $t $caught)
        (call_indirect $table (type $thrower) (i32.const 30) (i32.const 1)))))
  (func (export "tail_called_throws") (result i32)
    (block $caught (result i32)
      (try_table (result i32) (catch $t $caught) (call $tail (i32.const 40)))))
  (func $to_many (result i32)
    (return_call $many
      (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5)
      (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 50)))
  (func (export "args_on_stack") (result i32)
    (local $kept i32)
    (local.set $kept (i32.const 1000))
    (i32.add (local.get $kept)
      (block $caught (result i32)
        (try_table (result i32) (catch $t $caught) (call $to_many)))))
  (func (export "uncaught_after_tail_call") (result i32) (return_call $tail (i32.const 60)))
  (func (export "subtype_is_caught") (result i32)
    (block $caught (result i32)
      (try_table (result i32) (catch $t $caught)
        (call_indirect $subtypes (type $open) (i32.const 35) (i32.const 0))))))

;;= tail_call_leaves -> 111
;;= call_ref_is_caught -> 21
;;= call_indirect_is_caught -> 31
;;= tail_called_throws -> 41
;;= args_on_stack -> 1051
;;= uncaught_after_tail_call -> exception: 61
;;=   in throw
;;= subtype_is_caught -> 70
