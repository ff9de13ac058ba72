;;! invoke: call 0 40 2
;;! invoke: call 1 40 2
;;! invoke: call 2 40 2
;;! invoke: call_fail 3
;;! invoke: call_fail 0
;;! backtrace: true

;; An imported function in a constant table is reached through a thunk that fetches the import's
;; own context. The backtrace shows functions of the module only.
(module
  (import "host" "add" (func $add (param i32 i32) (result i32)))
  (import "host" "fail" (func $fail))
  (type $binary (func (param i32 i32) (result i32)))
  (type $plain (func))
  (table 4 funcref)
  (elem (i32.const 0) $add $sub $add $fail)
  (func $sub (type $binary) (i32.sub (local.get 0) (local.get 1)))
  (func (export "call") (param i32 i32 i32) (result i32)
    (call_indirect (type $binary) (local.get 1) (local.get 2) (local.get 0)))
  (func (export "call_fail") (param i32) (call_indirect (type $plain) (local.get 0))))

;;= call 0 40 2 -> 42
;;= call 1 40 2 -> 38
;;= call 2 40 2 -> 42
;;= call_fail 3 -> host error: the host function failed
;;=   in call_fail
;;= call_fail 0 -> trap: indirect call type mismatch
;;=   in call_fail
