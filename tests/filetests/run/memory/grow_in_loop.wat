;;! invoke: run
;;! invoke: through_call

;; Writes across each new end right after growing, from the function that grows and from one that
;; is called: nobody may keep an old base or length.
(module
  (memory 0)
  (func $grow (result i32) (memory.grow (i32.const 1)))
  (func (export "run") (result i32 i32) (local $sum i32) (local $at i32)
    (loop $again
      (drop (memory.grow (i32.const 1)))
      (local.set $at (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)))
      (i32.store (local.get $at) (memory.size))
      (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $at))))
      (br_if $again (i32.lt_u (memory.size) (i32.const 10))))
    (local.get $sum) (memory.size))
  (func (export "through_call") (result i32 i32)
    (i32.store (i32.const 0) (i32.const 5))
    (drop (call $grow))
    (i32.store (i32.const 655360) (i32.const 6))
    (i32.load (i32.const 0))
    (i32.load (i32.const 655360))))

;;= run -> 55 10
;;= through_call -> 5 6
