;;! only: call

;; Elements are references to functions of any instance: the type is compared with the one that
;; the engine gave this module's type, and the caller's vmctx is left in the store context.
(module
  (type $t (func (param i32) (result i32)))
  (table (export "table") 3 funcref)
  (elem (i32.const 0) $f)
  (func $f (type $t) (local.get 0))
  (func $call (param i32) (result i32) (call_indirect (type $t) (i32.const 5) (local.get 0))))

;;= ;; call
;;= function u0:1(i64 vmctx, i32) -> i32 tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     sig0 = (i64 vmctx, i32) -> i32 tail
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i32):
;;= @0039                               v3 = iconst.i32 5
;;= @003d                               v4 = load.i64 notrap aligned region3 v0+40
;;= @003d                               v5 = load.i64 notrap aligned region3 v0+32
;;= @003d                               v6 = uextend.i64 v1
;;= @003d                               v7 = icmp uge v6, v4
;;= @003d                               trapnz v7, user4
;;= @003d                               v8 = iconst.i64 3
;;= @003d                               v9 = ishl v6, v8  ; v8 = 3
;;= @003d                               v10 = iadd v5, v9
;;= @003d                               v11 = select_spectre_guard v7, v5, v10
;;= @003d                               v12 = load.i64 notrap aligned region1 v11
;;= @003d                               v13 = load.i32 user5 aligned region3 v12+16
;;= @003d                               v14 = load.i32 notrap aligned readonly can_move region3 v0+24
;;= @003d                               v15 = icmp ne v13, v14
;;= @003d                               trapnz v15, user6
;;= @003d                               v16 = load.i64 notrap aligned region3 v12
;;= @003d                               v17 = load.i64 notrap aligned region3 v12+8
;;= @003d                               v18 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @003d                               store notrap aligned region3 v0, v18+40
;;= @003d                               v19 = call_indirect sig0, v16(v17, v3)  ; v3 = 5
;;= @0040                               return v19
;;= }
