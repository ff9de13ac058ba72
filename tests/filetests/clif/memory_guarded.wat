;; A small offset needs no check: the address is base + zero-extended index, and the offset goes
;; into the instruction.
(module
  (memory 1)
  (func $load (param i32) (result i32) (i32.load offset=16 (local.get 0)))
  (func $store (param i32 i64) (i64.store8 offset=7 (local.get 0) (local.get 1))))

;;= ;; load
;;= function u0:0(i64 vmctx, i32) -> i32 tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i32):
;;= @0023                               v2 = load.i64 notrap aligned readonly can_move region3 v0+32
;;= @0026                               v4 = uextend.i64 v1
;;= @0026                               v5 = iadd v2, v4
;;= @0026                               v6 = load.i32 little region0 v5+16
;;= @0029                               return v6
;;= }
;;=
;;= ;; store
;;= function u0:1(i64 vmctx, i32, i64) tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i32, v2: i64):
;;= @002b                               v3 = load.i64 notrap aligned readonly can_move region3 v0+32
;;= @0030                               v4 = uextend.i64 v1
;;= @0030                               v5 = iadd v3, v4
;;= @0030                               istore8 little region0 v2, v5+7
;;= @0033                               return
;;= }
