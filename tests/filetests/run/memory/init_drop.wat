;;! invoke: init 0 1 3
;;! invoke: load 0
;;! invoke: init 65532 0 4
;;! invoke: load 65528
;;! invoke: init 65533 0 4
;;! invoke: init 0 5 0
;;! invoke: init 0 6 0
;;! invoke: init 0 4 2
;;! invoke: init 65536 0 0
;;! invoke: init 65537 0 0
;;! invoke: init 0 0 -1
;;! invoke: load 0
;;! invoke: drop
;;! invoke: drop
;;! invoke: init 0 0 0
;;! invoke: init 0 0 1
;;! invoke: init 0 1 0
;;! invoke: init_active 0 0 0
;;! invoke: init_active 0 0 1
;;! invoke: load 0

;; A segment that was dropped, or applied at the start, counts as empty.
(module
  (memory 1)
  (data $passive "abcde")
  (data $active (i32.const 8) "xyz")
  (func (export "init") (param i32 i32 i32)
    (memory.init $passive (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init_active") (param i32 i32 i32)
    (memory.init $active (local.get 0) (local.get 1) (local.get 2)))
  (func (export "drop") (data.drop $passive))
  (func (export "load") (param i32) (result i64) (i64.load (local.get 0))))

;;= init 0 1 3 ->
;;= load 0 -> 6579042
;;= init 65532 0 4 ->
;;= load 65528 -> 7233733595238498304
;;= init 65533 0 4 -> trap: out of bounds memory access
;;= init 0 5 0 ->
;;= init 0 6 0 -> trap: out of bounds memory access
;;= init 0 4 2 -> trap: out of bounds memory access
;;= init 65536 0 0 ->
;;= init 65537 0 0 -> trap: out of bounds memory access
;;= init 0 0 -1 -> trap: out of bounds memory access
;;= load 0 -> 6579042
;;= drop ->
;;= drop ->
;;= init 0 0 0 ->
;;= init 0 0 1 -> trap: out of bounds memory access
;;= init 0 1 0 -> trap: out of bounds memory access
;;= init_active 0 0 0 ->
;;= init_active 0 0 1 -> trap: out of bounds memory access
;;= load 0 -> 6579042
