;;! options: fuel

;; A bulk operator pays one more for each 64 bytes, before it does anything; growth pays for what
;; has been added, if anything has.
(module
  (memory 1)
  (func $fill (param i32) (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
  (func $grow (param i32) (result i32) (memory.grow (local.get 0))))

;;= ;; fill
;;= function u0:0(i64 vmctx, i32) tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     region4 = 4 "fuel"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     sig0 = (i64, i32, i64, i32, i64) -> i32 system_v
;;=     fn0 = u1:3 sig0
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i32):
;;= @0022                               v2 = load.i64 notrap aligned readonly can_move region3 v0+32
;;= @0023                               v3 = iconst.i64 4
;;= @0023                               v4 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @0023                               v5 = load.i64 notrap aligned region4 v4+48
;;= @0023                               v6 = isub v5, v3  ; v3 = 4
;;= @0023                               store notrap aligned region4 v6, v4+48
;;= @0023                               v7 = iconst.i64 0
;;= @0023                               v8 = icmp slt v6, v7  ; v7 = 0
;;= @0023                               trapnz v8, user13
;;= @0023                               v9 = iconst.i32 0
;;= @0025                               v10 = iconst.i32 0
;;= @0029                               v11 = uextend.i64 v9  ; v9 = 0
;;= @0029                               v12 = uextend.i64 v1
;;= @0029                               v13 = iconst.i64 6
;;= @0029                               v14 = ushr v12, v13  ; v13 = 6
;;= @0029                               v15 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @0029                               v16 = load.i64 notrap aligned region4 v15+48
;;= @0029                               v17 = isub v16, v14
;;= @0029                               store notrap aligned region4 v17, v15+48
;;= @0029                               v18 = iconst.i64 0
;;= @0029                               v19 = icmp slt v17, v18  ; v18 = 0
;;= @0029                               trapnz v19, user13
;;= @0029                               v20 = iconst.i32 0
;;= @0029                               v21 = call fn0(v0, v20, v11, v10, v12)  ; v20 = 0, v10 = 0
;;= @0029                               trapnz v21, heap_oob
;;= @002c                               return
;;= }
;;=
;;= ;; grow
;;= function u0:1(i64 vmctx, i32) -> i32 tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     region4 = 4 "fuel"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     sig0 = (i64, i32, i64) -> i64 system_v
;;=     fn0 = u1:1 sig0
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i32):
;;= @002e                               v2 = load.i64 notrap aligned readonly can_move region3 v0+32
;;= @002f                               v4 = iconst.i64 2
;;= @002f                               v5 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @002f                               v6 = load.i64 notrap aligned region4 v5+48
;;= @002f                               v7 = isub v6, v4  ; v4 = 2
;;= @002f                               store notrap aligned region4 v7, v5+48
;;= @002f                               v8 = iconst.i64 0
;;= @002f                               v9 = icmp slt v7, v8  ; v8 = 0
;;= @002f                               trapnz v9, user13
;;= @0031                               v10 = uextend.i64 v1
;;= @0031                               v11 = iconst.i32 0
;;= @0031                               v12 = call fn0(v0, v11, v10)  ; v11 = 0
;;= @0031                               v13 = iconst.i64 10
;;= @0031                               v14 = ishl v10, v13  ; v13 = 10
;;= @0031                               v15 = iconst.i64 -1
;;= @0031                               v16 = icmp eq v12, v15  ; v15 = -1
;;= @0031                               v17 = iconst.i64 0
;;= @0031                               v18 = select v16, v17, v14  ; v17 = 0
;;= @0031                               v19 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @0031                               v20 = load.i64 notrap aligned region4 v19+48
;;= @0031                               v21 = isub v20, v18
;;= @0031                               store notrap aligned region4 v21, v19+48
;;= @0031                               v22 = iconst.i64 0
;;= @0031                               v23 = icmp slt v21, v22  ; v22 = 0
;;= @0031                               trapnz v23, user13
;;= @0031                               v24 = ireduce.i32 v12
;;= @0033                               return v24
;;= }
