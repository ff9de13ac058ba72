;;! only: calls plain

;; A call inside of a `try_table` says where its exceptions go; one outside is as it always was.
(module
  (tag $e (param i32))
  (func $f (export "f") (param i32))
  (func $calls (export "calls") (param i32) (result i32)
    (block $caught (result i32)
      (try_table (catch $e $caught) (call $f (local.get 0)))
      (i32.const 0)))
  (func $plain (export "plain") (param i32) (call $f (local.get 0))))

;;= ;; calls
;;= function u0:1(i64 vmctx, i32) -> i32 tail {
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
;;=                                 block0(v0: i64, v1: i32):
;;= @0040                               jump block3
;;=
;;=                                 block3:
;;= @0048                               try_call fn0(v0, v1), sig0, block6, [ context v0, tag2: block4(exn0, exn1) ]
;;=
;;=                                 block6:
;;= @004a                               jump block5
;;=
;;=                                 block4(v4: i64, v5: i64) cold:
;;= @0040                               v6 = load.i32 notrap aligned v4
;;= @0040                               jump block2(v6)
;;=
;;=                                 block5:
;;= @004b                               v7 = iconst.i32 0
;;= @004d                               jump block2(v7)  ; v7 = 0
;;=
;;=                                 block2(v3: i32):
;;= @004e                               return v3
;;= }
;;=
;;= ;; plain
;;= function u0:2(i64 vmctx, i32) tail {
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
;;=                                 block0(v0: i64, v1: i32):
;;= @0053                               call fn0(v0, v1)
;;= @0055                               return
;;= }
