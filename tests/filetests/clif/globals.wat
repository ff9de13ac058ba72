;; A global that never changes is a constant; others are in the vmctx, imported ones behind a
;; pointer there.
(module
  (import "env" "g" (global $imported (mut i32)))
  (global $constant i32 (i32.const 42))
  (global $variable (mut i64) (i64.const 1))
  (func $constant (result i32) (global.get $constant))
  (func $variable (result i64) (global.set $variable (i64.const 7)) (global.get $variable))
  (func $imported (result i32) (global.get $imported)))

;;= ;; constant
;;= function u0:0(i64 vmctx) -> i32 tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64):
;;= @0037                               v2 = iconst.i32 42
;;= @0039                               return v2  ; v2 = 42
;;= }
;;=
;;= ;; variable
;;= function u0:1(i64 vmctx) -> i64 tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64):
;;= @003c                               v2 = iconst.i64 7
;;= @003e                               store notrap aligned region2 v2, v0+64  ; v2 = 7
;;= @0040                               v3 = load.i64 notrap aligned region2 v0+64
;;= @0042                               return v3
;;= }
;;=
;;= ;; imported
;;= function u0:2(i64 vmctx) -> i32 tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64):
;;= @0045                               v2 = load.i64 notrap aligned readonly can_move region3 v0+32
;;= @0045                               v3 = load.i32 notrap aligned region2 v2
;;= @0047                               return v3
;;= }
