;;! only: call

;; The table's length and the type are constants; the callee belongs to the same instance.
(module
  (type $t (func (param i32) (result i32)))
  (table 3 funcref)
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
;;=     gv3 = symbol colocated userextname0
;;=     sig0 = (i64 vmctx, i32) -> i32 tail
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i32):
;;= @002e                               v3 = iconst.i32 5
;;= @0032                               v4 = iconst.i32 3
;;= @0032                               v5 = icmp uge v1, v4  ; v4 = 3
;;= @0032                               trapnz v5, user4
;;= @0032                               v6 = uextend.i64 v1
;;= @0032                               v7 = iconst.i64 3
;;= @0032                               v8 = ishl v6, v7  ; v7 = 3
;;= @0032                               v9 = symbol_value.i64 gv3
;;= @0032                               v10 = iadd v9, v8
;;= @0032                               v11 = select_spectre_guard v5, v9, v10
;;= @0032                               v12 = load.i32 notrap aligned readonly can_move region3 v11
;;= @0032                               v13 = iconst.i32 0
;;= @0032                               v14 = icmp eq v12, v13  ; v13 = 0
;;= @0032                               brif v14, block2, block3
;;=
;;=                                 block3 cold:
;;= @0032                               v15 = iconst.i32 -1
;;= @0032                               v16 = icmp.i32 eq v12, v15  ; v15 = -1
;;= @0032                               trapnz v16, user5
;;= @0032                               trap user6
;;=
;;=                                 block2:
;;= @0032                               v17 = sload32.i64 notrap aligned readonly can_move region3 v11+4
;;= @0032                               v18 = iadd.i64 v9, v17
;;= @0032                               v19 = call_indirect sig0, v18(v0, v3)  ; v3 = 5
;;= @0035                               return v19
;;= }
