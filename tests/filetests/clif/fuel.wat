;;! options: fuel

;; Each run of operators pays where it starts: four for the first, two for the loop's body, one for
;; what is behind. The first and the loop's compare.
(module
  (func $count (param i32)
    (local.set 0 (i32.add (local.get 0) (i32.const 1)))
    (loop $again
      (br_if $again (local.get 0))
      (drop (i32.const 7)))))

;;= ;; count
;;= function u0:0(i64 vmctx, i32) tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     region4 = 4 "fuel"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i32):
;;= @0018                               v2 = iconst.i64 4
;;= @0018                               v3 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @0018                               v4 = load.i64 notrap aligned region4 v3+48
;;= @0018                               v5 = isub v4, v2  ; v2 = 4
;;= @0018                               store notrap aligned region4 v5, v3+48
;;= @0018                               v6 = iconst.i64 0
;;= @0018                               v7 = icmp slt v5, v6  ; v6 = 0
;;= @0018                               trapnz v7, user13
;;= @001a                               v8 = iconst.i32 1
;;= @001c                               v9 = iadd v1, v8  ; v8 = 1
;;=                                     v16 -> v9
;;= @001f                               jump block2
;;=
;;=                                 block2:
;;= @0021                               v10 = iconst.i64 2
;;= @0021                               v11 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @0021                               v12 = load.i64 notrap aligned region4 v11+48
;;= @0021                               v13 = isub v12, v10  ; v10 = 2
;;= @0021                               store notrap aligned region4 v13, v11+48
;;= @0021                               v14 = iconst.i64 0
;;= @0021                               v15 = icmp slt v13, v14  ; v14 = 0
;;= @0021                               trapnz v15, user13
;;= @0023                               brif.i32 v16, block2, block4
;;=
;;=                                 block4:
;;= @0025                               v17 = iconst.i64 1
;;= @0025                               v18 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @0025                               v19 = load.i64 notrap aligned region4 v18+48
;;= @0025                               v20 = isub v19, v17  ; v17 = 1
;;= @0025                               store notrap aligned region4 v20, v18+48
;;= @0025                               v21 = iconst.i32 7
;;= @0028                               jump block3
;;=
;;=                                 block3:
;;= @0029                               return
;;= }
