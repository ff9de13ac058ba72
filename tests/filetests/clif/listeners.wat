;;! options: listeners

;; Parameters go to slots of the frame, and so do results, for every way out of the function.
(module
  (func $div_rem (param i32 i32) (result i32 i32)
    (if (i32.eqz (local.get 1)) (then (return (i32.const 0) (local.get 0))))
    (i32.div_u (local.get 0) (local.get 1))
    (i32.rem_u (local.get 0) (local.get 1))))

;;= ;; div_rem
;;= function u0:0(i64 vmctx, i32, i32) -> i32, i32 tail {
;;=     ss0 = explicit_slot 32, align = 16
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     sig0 = (i64, i32, i64, i64) system_v
;;=     sig1 = (i64, i32, i64, i64) system_v
;;=     fn0 = u1:11 sig0
;;=     fn1 = u1:12 sig1
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i32, v2: i32):
;;= @001a                               v3 = stack_addr.i64 ss0
;;= @001a                               store notrap aligned v1, v3
;;= @001a                               store notrap aligned v2, v3+16
;;= @001a                               v4 = iconst.i32 0
;;= @001a                               v5 = get_frame_pointer.i64
;;= @001a                               call fn0(v0, v4, v3, v5)  ; v4 = 0
;;= @001d                               v8 = iconst.i32 0
;;= @001d                               v9 = icmp eq v2, v8  ; v8 = 0
;;= @001d                               v10 = uextend.i32 v9
;;= @001e                               brif v10, block2, block4
;;=
;;=                                 block2:
;;= @0020                               v11 = iconst.i32 0
;;= @0024                               v12 = stack_addr.i64 ss0
;;= @0024                               store notrap aligned v11, v12  ; v11 = 0
;;= @0024                               store.i32 notrap aligned v1, v12+16
;;= @0024                               v13 = iconst.i32 0
;;= @0024                               v14 = get_frame_pointer.i64
;;= @0024                               call fn1(v0, v13, v12, v14)  ; v13 = 0
;;= @0024                               return v11, v1  ; v11 = 0
;;=
;;=                                 block4:
;;= @002a                               v15 = udiv.i32 v1, v2
;;= @002f                               v16 = urem.i32 v1, v2
;;= @0030                               v17 = stack_addr.i64 ss0
;;= @0030                               store notrap aligned v15, v17
;;= @0030                               store notrap aligned v16, v17+16
;;= @0030                               v18 = iconst.i32 0
;;= @0030                               v19 = get_frame_pointer.i64
;;= @0030                               call fn1(v0, v18, v17, v19)  ; v18 = 0
;;= @0030                               return v15, v16
;;= }
