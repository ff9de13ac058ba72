;; Handlers that no call comes to are no part of the function, not even as code that nothing reaches:
;; there may be very many.
(module
  (tag $e (param i32))
  (func $nothing_inside (param i32) (result i32)
    (block $l (result i32)
      (try_table (catch $e $l)
        (try_table (catch $e $l)))
      (local.get 0)))
  (func $shadowed (param i32) (result i32)
    (block $l (result i32)
      (try_table (catch $e $l)
        (try_table (catch $e $l) (catch $e $l)
          (drop (call $nothing_inside (local.get 0)))))
      (local.get 0))))

;;= ;; nothing_inside
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
;;= @0025                               jump block3
;;=
;;=                                 block3:
;;= @002b                               jump block6
;;=
;;=                                 block6:
;;= @0031                               jump block8
;;=
;;=                                 block8:
;;= @0032                               jump block5
;;=
;;=                                 block5:
;;= @0035                               jump block2(v1)
;;=
;;=                                 block2(v3: i32):
;;= @0036                               return v3
;;= }
;;=
;;= ;; shadowed
;;= function u0:1(i64 vmctx, i32) -> i32 tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     sig0 = (i64 vmctx, i32) -> i32 tail
;;=     fn0 = colocated u0:0 sig0
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i32):
;;= @003b                               jump block3
;;=
;;=                                 block3:
;;= @0041                               jump block6
;;=
;;=                                 block6:
;;= @004c                               try_call fn0(v0, v1), sig0, block10(ret0), [ context v0, tag2: block7(exn0, exn1) ]
;;=
;;=                                 block10(v4: i32):
;;= @004f                               jump block9
;;=
;;=                                 block7(v5: i64, v6: i64) cold:
;;= @0041                               v7 = load.i32 notrap aligned v5
;;= @0041                               jump block2(v7)
;;=
;;=                                 block9:
;;= @0050                               jump block5
;;=
;;=                                 block5:
;;= @0053                               jump block2(v1)
;;=
;;=                                 block2(v3: i32):
;;= @0054                               return v3
;;= }
