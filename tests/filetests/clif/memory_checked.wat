;;! memory: checked

;; The sum of index, offset and size is compared with the length; where it is larger, the address
;; becomes null.
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
;;= @0026                               v3 = load.i64 notrap aligned region3 v0+32
;;= @0026                               v4 = uextend.i64 v1
;;= @0026                               v5 = load.i64 notrap aligned region3 v0+40
;;= @0026                               v6 = iconst.i64 20
;;= @0026                               v7 = iadd v4, v6  ; v6 = 20
;;= @0026                               v8 = icmp ugt v7, v5
;;= @0026                               trapnz v8, heap_oob
;;= @0026                               v9 = iadd v3, v4
;;= @0026                               v10 = iconst.i64 16
;;= @0026                               v11 = iadd v9, v10  ; v10 = 16
;;= @0026                               v12 = iconst.i64 0
;;= @0026                               v13 = select_spectre_guard v8, v12, v11  ; v12 = 0
;;= @0026                               v14 = load.i32 little region0 v13
;;= @0029                               return v14
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
;;= @0030                               v3 = load.i64 notrap aligned region3 v0+32
;;= @0030                               v4 = uextend.i64 v1
;;= @0030                               v5 = load.i64 notrap aligned region3 v0+40
;;= @0030                               v6 = iconst.i64 8
;;= @0030                               v7 = iadd v4, v6  ; v6 = 8
;;= @0030                               v8 = icmp ugt v7, v5
;;= @0030                               trapnz v8, heap_oob
;;= @0030                               v9 = iadd v3, v4
;;= @0030                               v10 = iconst.i64 7
;;= @0030                               v11 = iadd v9, v10  ; v10 = 7
;;= @0030                               v12 = iconst.i64 0
;;= @0030                               v13 = select_spectre_guard v8, v12, v11  ; v12 = 0
;;= @0030                               istore8 little region0 v2, v13
;;= @0033                               return
;;= }
