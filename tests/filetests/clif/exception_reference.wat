;;! only: reference

;; A reference to an exception lies in the frame during calls, where the loader looks for those in
;; use; other references need not.
(module
  (func $f (export "f") (param exnref))
  (func $reference (export "reference") (param exnref externref) (result exnref externref)
    (call $f (ref.null exn))
    (local.get 0)
    (local.get 1)))

;;= ;; reference
;;= function u0:1(i64 vmctx, i32, i32) -> i32, i32 tail {
;;=     ss0 = explicit_slot 4, align = 4
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     sig0 = (i64 vmctx, i32) tail
;;=     fn0 = colocated u0:0 sig0
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i32, v2: i32):
;;=                                     v8 = stack_addr.i64 ss0
;;=                                     store notrap aligned v1, v8
;;= @0036                               v5 = iconst.i32 0
;;= @0038                               call fn0(v0, v5), stack_map=[i32 @ ss0+0]  ; v5 = 0
;;=                                     v6 = stack_addr.i64 ss0
;;=                                     v7 = load.i32 notrap aligned v6
;;= @003e                               return v7, v2
;;= }
