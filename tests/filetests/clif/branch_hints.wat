;;! only: unlikely_if likely_if nested branch_if loop

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
  (func $nested (param i32)
    (local.get 0)
    (@metadata.code.branch_hint "\00")
    (if
      (then
        (local.get 0)
        (@metadata.code.branch_hint "\01")
        (if (then (call $f)) (else (call $f)))
        (if (local.get 0) (then (call $f)))))
    (if (local.get 0) (then (call $f))))
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
;;= @007a                               brif v1, block2, block3
;;=
;;=                                 block2 cold:
;;= @007e                               v2 = iconst.i32 0
;;= @007e                               v3 = icmp.i32 eq v1, v2  ; v2 = 0
;;= @007e                               v4 = uextend.i32 v3
;;= @007f                               brif v4, block5, block6
;;=
;;=                                 block5 cold:
;;= @0081                               v5 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @0081                               v6 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @0081                               v7 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @0081                               store.i64 notrap aligned region3 v0, v7+40
;;= @0081                               call_indirect sig0, v5(v6)
;;= @0083                               jump block7
;;=
;;=                                 block6 cold:
;;= @0084                               v8 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @0084                               v9 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @0084                               v10 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @0084                               store.i64 notrap aligned region3 v0, v10+40
;;= @0084                               call_indirect sig0, v8(v9)
;;= @0086                               jump block7
;;=
;;=                                 block7 cold:
;;= @0087                               jump block4
;;=
;;=                                 block3:
;;= @0088                               v11 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @0088                               v12 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @0088                               v13 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @0088                               store.i64 notrap aligned region3 v0, v13+40
;;= @0088                               call_indirect sig0, v11(v12)
;;= @008a                               jump block4
;;=
;;=                                 block4:
;;= @008b                               v14 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @008b                               v15 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @008b                               v16 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @008b                               store.i64 notrap aligned region3 v0, v16+40
;;= @008b                               call_indirect sig0, v14(v15)
;;= @008d                               return
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
;;= @0094                               brif v1, block2, block3
;;=
;;=                                 block2:
;;= @0096                               v4 = iconst.i32 1
;;= @0098                               v5 = iadd.i32 v1, v4  ; v4 = 1
;;= @0099                               jump block4(v5)
;;=
;;=                                 block3 cold:
;;= @0099                               jump block4(v1)
;;=
;;=                                 block4(v3: i32):
;;= @009c                               brif.i32 v1, block5, block7
;;=
;;=                                 block5:
;;= @009e                               v7 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @009e                               v8 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @009e                               v9 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @009e                               store.i64 notrap aligned region3 v0, v9+40
;;= @009e                               call_indirect sig0, v7(v8)
;;= @00a0                               jump block7
;;=
;;=                                 block7:
;;= @00a3                               brif.i32 v1, block8, block9
;;=
;;=                                 block8:
;;= @00a5                               v11 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @00a5                               v12 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @00a5                               v13 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @00a5                               store.i64 notrap aligned region3 v0, v13+40
;;= @00a5                               call_indirect sig0, v11(v12)
;;= @00a7                               jump block10
;;=
;;=                                 block9 cold:
;;= @00ac                               brif.i32 v10, block11, block12
;;=
;;=                                 block12 cold:
;;= @00ae                               v14 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @00ae                               v15 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @00ae                               v16 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @00ae                               store.i64 notrap aligned region3 v0, v16+40
;;= @00ae                               call_indirect sig0, v14(v15)
;;= @00b0                               jump block11
;;=
;;=                                 block11 cold:
;;= @00b1                               jump block10
;;=
;;=                                 block10:
;;= @00b2                               return v3
;;= }
;;=
;;= ;; nested
;;= function u0:3(i64 vmctx, i32) tail {
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
;;=                                     v8 -> v1
;;=                                     v12 -> v1
;;=                                     v13 -> v1
;;= @00b7                               brif v1, block2, block4
;;=
;;=                                 block2 cold:
;;= @00bb                               brif.i32 v1, block5, block6
;;=
;;=                                 block5 cold:
;;= @00bd                               v2 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @00bd                               v3 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @00bd                               v4 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @00bd                               store.i64 notrap aligned region3 v0, v4+40
;;= @00bd                               call_indirect sig0, v2(v3)
;;= @00bf                               jump block7
;;=
;;=                                 block6 cold:
;;= @00c0                               v5 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @00c0                               v6 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @00c0                               v7 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @00c0                               store.i64 notrap aligned region3 v0, v7+40
;;= @00c0                               call_indirect sig0, v5(v6)
;;= @00c2                               jump block7
;;=
;;=                                 block7 cold:
;;= @00c5                               brif.i32 v1, block8, block10
;;=
;;=                                 block8 cold:
;;= @00c7                               v9 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @00c7                               v10 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @00c7                               v11 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @00c7                               store.i64 notrap aligned region3 v0, v11+40
;;= @00c7                               call_indirect sig0, v9(v10)
;;= @00c9                               jump block10
;;=
;;=                                 block10 cold:
;;= @00ca                               jump block4
;;=
;;=                                 block4:
;;= @00cd                               brif.i32 v1, block11, block13
;;=
;;=                                 block11:
;;= @00cf                               v14 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @00cf                               v15 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @00cf                               v16 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @00cf                               store.i64 notrap aligned region3 v0, v16+40
;;= @00cf                               call_indirect sig0, v14(v15)
;;= @00d1                               jump block13
;;=
;;=                                 block13:
;;= @00d2                               return
;;= }
;;=
;;= ;; branch_if
;;= function u0:4(i64 vmctx, i32) -> i32 tail {
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
;;= @00d7                               v4 = iconst.i32 1
;;= @00db                               brif v1, block4, block3
;;=
;;=                                 block4 cold:
;;= @00db                               jump block2(v4)  ; v4 = 1
;;=
;;=                                 block3:
;;= @00df                               brif.i32 v1, block2(v4), block5  ; v4 = 1
;;=
;;=                                 block5 cold:
;;= @00e6                               brif.i32 v1, block6, block7
;;=
;;=                                 block7 cold:
;;= @00e8                               v5 = load.i64 notrap aligned readonly can_move region3 v0+40
;;= @00e8                               v6 = load.i64 notrap aligned readonly can_move region3 v0+48
;;= @00e8                               v7 = load.i64 notrap aligned readonly can_move region3 v0+8
;;= @00e8                               store.i64 notrap aligned region3 v0, v7+40
;;= @00e8                               call_indirect sig0, v5(v6)
;;= @00ea                               jump block6
;;=
;;=                                 block6 cold:
;;= @00eb                               v8 = iconst.i32 2
;;= @00ed                               jump block2(v8)  ; v8 = 2
;;=
;;=                                 block2(v3: i32):
;;= @00ee                               return v3
;;= }
;;=
;;= ;; loop
;;= function u0:5(i64 vmctx, i32) tail {
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
;;= @00f1                               jump block2
;;=
;;=                                 block2:
;;= @00f5                               brif.i32 v2, block2, block4
;;=
;;=                                 block4:
;;= @00f7                               jump block3
;;=
;;=                                 block3:
;;= @00f8                               return
;;= }
