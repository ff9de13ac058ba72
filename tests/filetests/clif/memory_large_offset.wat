;; The guard is 0x2000000 bytes: the first load stays within it, the second may reach one byte
;; further and is checked.
(module
  (memory 1)
  (func $within (param i32) (result i64) (i64.load offset=0x1fffff8 (local.get 0)))
  (func $beyond (param i32) (result i64) (i64.load offset=0x1fffff9 (local.get 0))))

;;= ;; within
;;= function u0:0(i64 vmctx, i32) -> i64 tail {
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
;;= @001e                               v2 = load.i64 notrap aligned readonly can_move region3 v0+32
;;= @0021                               v4 = uextend.i64 v1
;;= @0021                               v5 = iadd v2, v4
;;= @0021                               v6 = load.i64 little region0 v5+0x01ff_fff8
;;= @0027                               return v6
;;= }
;;=
;;= ;; beyond
;;= function u0:1(i64 vmctx, i32) -> i64 tail {
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
;;= @0029                               v2 = load.i64 notrap aligned readonly can_move region3 v0+32
;;= @002c                               v4 = uextend.i64 v1
;;= @002c                               v5 = load.i64 notrap aligned region3 v0+40
;;= @002c                               v6 = iconst.i64 0x0200_0001
;;= @002c                               v7 = iadd v4, v6  ; v6 = 0x0200_0001
;;= @002c                               v8 = icmp ugt v7, v5
;;= @002c                               trapnz v8, heap_oob
;;= @002c                               v9 = iadd v2, v4
;;= @002c                               v10 = iconst.i64 0x01ff_fff9
;;= @002c                               v11 = iadd v9, v10  ; v10 = 0x01ff_fff9
;;= @002c                               v12 = iconst.i64 0
;;= @002c                               v13 = select_spectre_guard v8, v12, v11  ; v12 = 0
;;= @002c                               v14 = load.i64 little region0 v13
;;= @0032                               return v14
;;= }
