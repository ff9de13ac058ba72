;; Moves money between accounts that the host keeps. What goes wrong is an exception: of the
;; module's own where there is too little, and of the host's where there is no such account.
(module $bank
  (import "bank" "unknown_account" (tag $unknown-account (param i32)))
  (import "bank" "balance_cents" (func $balance (param i32) (result i64)))
  (import "bank" "add_cents" (func $add (param i32 i64)))
  ;; How much is missing.
  (tag $too-little (export "too_little") (param i64))

  (func $take (param $from i32) (param $cents i64)
    (local $left i64)
    (local.set $left (i64.sub (call $balance (local.get $from)) (local.get $cents)))
    (if (i64.lt_s (local.get $left) (i64.const 0))
      (then (throw $too-little (i64.sub (i64.const 0) (local.get $left)))))
    (call $add (local.get $from) (i64.sub (i64.const 0) (local.get $cents))))

  ;; If the second account does not exist, the first one gets back what was taken from it, and
  ;; the exception goes on.
  (func (export "move") (param $from i32) (param $to i32) (param $cents i64)
    (local $exception exnref)
    (call $take (local.get $from) (local.get $cents))
    (block $caught (result exnref)
      (try_table (catch_all_ref $caught) (call $add (local.get $to) (local.get $cents)))
      (return))
    (local.set $exception)
    (call $add (local.get $from) (local.get $cents))
    (throw_ref (local.get $exception)))

  ;; 1 if the account exists.
  (func (export "exists") (param $account i32) (result i32)
    (block $unknown (result i32)
      (try_table (catch $unknown-account $unknown)
        (drop (call $balance (local.get $account)))
        (return (i32.const 1)))
      (unreachable))
    (drop)
    (i32.const 0)))
