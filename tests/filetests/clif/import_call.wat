;;! only: call precast.import.0

;; Code and vmctx of an import stand in the caller's vmctx. The trampoline puts the parameters into
;; slots and takes the result from there.
(module
  (import "env" "f" (func $f (param i32 f64) (result i64)))
  (func $call (param i32 f64) (result i64) (call $f (local.get 0) (local.get 1))))

;;= ;; call
;;= function u0:1(i64 vmctx, i32, f64) -> i64 tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     sig0 = (i64 vmctx, i32, f64) -> i64 tail
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i32, v2: f64):
;;= @0029                               v4 = load.i64 notrap aligned readonly can_move region3 v0+32
;;= @0029                               v5 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @0029                               v6 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @0029                               store notrap aligned region3 v0, v6+40
;;= @0029                               v7 = call_indirect sig0, v4(v5, v1, v2)
;;= @002b                               return v7
;;= }
;;=
;;= ;; precast.import.0
;;= function u2:0(i64 vmctx, i32, f64) -> i64 tail {
;;=     ss0 = explicit_slot 32, align = 16
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     sig0 = (i64, i64) -> i8 system_v
;;=     sig1 = () system_v
;;=     fn0 = u1:0 sig1
;;=     stack_limit = gv2
;;=
;;= block0(v0: i64, v1: i32, v2: f64):
;;=     v3 = load.i64 notrap aligned readonly can_move region3 v0+8
;;=     v4 = get_frame_pointer.i64
;;=     store notrap aligned region3 v4, v3+32
;;=     v5 = stack_addr.i64 ss0
;;=     store notrap aligned v1, v5
;;=     store notrap aligned v2, v5+16
;;=     v6 = load.i64 notrap aligned readonly can_move region3 v0+24
;;=     v7 = call_indirect sig0, v6(v0, v5)
;;=     brif v7, block1, block2
;;=
;;= block2 cold:
;;=     call fn0()
;;=     trap user1
;;=
;;= block1:
;;=     v8 = load.i64 notrap aligned v5
;;=     return v8
;;= }
