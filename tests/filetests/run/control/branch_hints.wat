;;! invoke: way 0
;;! invoke: way 1
;;! invoke: way 2
;;! invoke: way 7
;;! invoke: sum 5

;; Hints, right ones and wrong ones, change nothing but where code is.
(module
  (func (export "way") (param i32) (result i32)
    (block $out (result i32)
      (i32.const 10)
      (i32.eqz (local.get 0))
      (@metadata.code.branch_hint "\00")
      (br_if $out)
      (i32.const 1)
      (i32.add)
      (i32.eq (local.get 0) (i32.const 1))
      (@metadata.code.branch_hint "\01")
      (br_if $out)
      (i32.and (local.get 0) (i32.const 1))
      (@metadata.code.branch_hint "\00")
      (if (param i32) (result i32)
        (then (i32.const 2) (i32.mul))
        (else
          (i32.eq (local.get 0) (i32.const 2))
          (@metadata.code.branch_hint "\01")
          (if (param i32) (result i32) (then (i32.const 3) (i32.mul)))))))
  (func (export "sum") (param i32) (result i32)
    (local i32)
    (loop $again
      (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))
      (@metadata.code.branch_hint "\00")
      (br_if $again))
    (local.get 1)))

;;= way 0 -> 10
;;= way 1 -> 11
;;= way 2 -> 33
;;= way 7 -> 22
;;= sum 5 -> 15
