;;! only: unlikely_if likely_if branch_if loop

;; What is unlikely to run is cold, with all that is made in it; blocks that something else leads to
;; are not.
(module
  (import "env" "f" (func $f))
  (func $unlikely_if (param i32)
    (local i64 f64 i64)
    (@metadata.code.branch_hint "\00")
    (if (local.get 0)
      (then (if (i32.eqz (local.get 0)) (then (call $f)) (else (call $f))))
      (else (call $f)))
    (call $f))
  (func $likely_if (param i32) (result i32)
    (local.get 0)
    (local.get 0)
    (@metadata.code.branch_hint "\01")
    (if (param i32) (result i32)
      (then (i32.const 1) (i32.add)))
    (local.get 0)
    (@metadata.code.branch_hint "\01")
    (if (then (call $f)))
    (local.get 0)
    (@metadata.code.branch_hint "\01")
    (if (then (call $f)) (else (block (br_if 0 (local.get 0)) (call $f)))))
  (func $branch_if (param i32) (result i32)
    (block $fast (result i32)
      (i32.const 1)
      (local.get 0)
      (@metadata.code.branch_hint "\00")
      (br_if $fast)
      (local.get 0)
      (@metadata.code.branch_hint "\01")
      (br_if $fast)
      (drop)
      (block (br_if 0 (local.get 0)) (call $f))
      (i32.const 2)))
  (func $loop (param i32)
    (loop $again
      (local.get 0)
      (@metadata.code.branch_hint "\01")
      (br_if $again))))

;;= ;; unlikely_if
;;= function u0:1(i64 vmctx, i32) tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     sig0 = (i64 vmctx) tail
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i32):
;;= @0067                               v2 = iconst.i64 0
;;= @0067                               v3 = f64const 0.0
;;= @0067                               v4 = iconst.i64 0
;;= @0070                               brif v1, block2, block3
;;=
;;=                                 block2 cold:
;;= @0074                               v5 = iconst.i32 0
;;= @0074                               v6 = icmp.i32 eq v1, v5  ; v5 = 0
;;= @0074                               v7 = uextend.i32 v6
;;= @0075                               brif v7, block5, block6
;;=
;;=                                 block5 cold:
;;= @0077                               v8 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @0077                               v9 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @0077                               v10 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @0077                               store.i64 notrap aligned region3 v0, v10+40
;;= @0077                               call_indirect sig0, v8(v9)
;;= @0079                               jump block7
;;=
;;=                                 block6 cold:
;;= @007a                               v11 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @007a                               v12 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @007a                               v13 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @007a                               store.i64 notrap aligned region3 v0, v13+40
;;= @007a                               call_indirect sig0, v11(v12)
;;= @007c                               jump block7
;;=
;;=                                 block7 cold:
;;= @007d                               jump block4
;;=
;;=                                 block3:
;;= @007e                               v14 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @007e                               v15 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @007e                               v16 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @007e                               store.i64 notrap aligned region3 v0, v16+40
;;= @007e                               call_indirect sig0, v14(v15)
;;= @0080                               jump block4
;;=
;;=                                 block4:
;;= @0081                               v17 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @0081                               v18 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @0081                               v19 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @0081                               store.i64 notrap aligned region3 v0, v19+40
;;= @0081                               call_indirect sig0, v17(v18)
;;= @0083                               return
;;= }
;;=
;;= ;; likely_if
;;= function u0:2(i64 vmctx, i32) -> i32 tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     sig0 = (i64 vmctx) tail
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i32):
;;=                                     v6 -> v1
;;=                                     v10 -> v1
;;= @008a                               brif v1, block2, block3
;;=
;;=                                 block2:
;;= @008c                               v4 = iconst.i32 1
;;= @008e                               v5 = iadd.i32 v1, v4  ; v4 = 1
;;= @008f                               jump block4(v5)
;;=
;;=                                 block3 cold:
;;= @008f                               jump block4(v1)
;;=
;;=                                 block4(v3: i32):
;;= @0092                               brif.i32 v1, block5, block7
;;=
;;=                                 block5:
;;= @0094                               v7 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @0094                               v8 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @0094                               v9 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @0094                               store.i64 notrap aligned region3 v0, v9+40
;;= @0094                               call_indirect sig0, v7(v8)
;;= @0096                               jump block7
;;=
;;=                                 block7:
;;= @0099                               brif.i32 v1, block8, block9
;;=
;;=                                 block8:
;;= @009b                               v11 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @009b                               v12 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @009b                               v13 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @009b                               store.i64 notrap aligned region3 v0, v13+40
;;= @009b                               call_indirect sig0, v11(v12)
;;= @009d                               jump block10
;;=
;;=                                 block9 cold:
;;= @00a2                               brif.i32 v10, block11, block12
;;=
;;=                                 block12 cold:
;;= @00a4                               v14 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @00a4                               v15 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @00a4                               v16 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @00a4                               store.i64 notrap aligned region3 v0, v16+40
;;= @00a4                               call_indirect sig0, v14(v15)
;;= @00a6                               jump block11
;;=
;;=                                 block11 cold:
;;= @00a7                               jump block10
;;=
;;=                                 block10:
;;= @00a8                               return v3
;;= }
;;=
;;= ;; branch_if
;;= function u0:3(i64 vmctx, i32) -> i32 tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     sig0 = (i64 vmctx) tail
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i32):
;;= @00ad                               v4 = iconst.i32 1
;;= @00b1                               brif v1, block4, block3
;;=
;;=                                 block4 cold:
;;= @00b1                               jump block2(v4)  ; v4 = 1
;;=
;;=                                 block3:
;;= @00b5                               brif.i32 v1, block2(v4), block5  ; v4 = 1
;;=
;;=                                 block5 cold:
;;= @00bc                               brif.i32 v1, block6, block7
;;=
;;=                                 block7 cold:
;;= @00be                               v5 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @00be                               v6 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @00be                               v7 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @00be                               store.i64 notrap aligned region3 v0, v7+40
;;= @00be                               call_indirect sig0, v5(v6)
;;= @00c0                               jump block6
;;=
;;=                                 block6 cold:
;;= @00c1                               v8 = iconst.i32 2
;;= @00c3                               jump block2(v8)  ; v8 = 2
;;=
;;=                                 block2(v3: i32):
;;= @00c4                               return v3
;;= }
;;=
;;= ;; loop
;;= function u0:4(i64 vmctx, i32) tail {
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
;;=                                     v2 -> v1
;;= @00c7                               jump block2
;;=
;;=                                 block2:
;;= @00cb                               brif.i32 v2, block2, block4
;;=
;;=                                 block4:
;;= @00cd                               jump block3
;;=
;;=                                 block3:
;;= @00ce                               return
;;= }
