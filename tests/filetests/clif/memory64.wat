;;! target: x86_64-unknown-linux-gnu

;; The sum of index, offset and size is never made: it could wrap. The second access may be longer
;; than the memory is at first, the third one always traps.
(module
  (memory i64 1)
  (func (param i64) (result i32) (i32.load offset=16 (local.get 0)))
  (func (param i64) (result i32) (i32.load offset=65536 (local.get 0)))
  (func (param i64) (result i32) (i32.load offset=0xfffffffffffffffd (local.get 0))))

;;= ;; func[0]
;;= function u0:0(i64 vmctx, i64) -> i32 tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i64):
;;= @0022                               v3 = load.i64 notrap aligned region3 v0+32
;;= @0022                               v4 = load.i64 notrap aligned region3 v0+40
;;= @0022                               v5 = iconst.i64 20
;;= @0022                               v6 = isub v4, v5  ; v5 = 20
;;= @0022                               v7 = icmp ugt v1, v6
;;= @0022                               trapnz v7, heap_oob
;;= @0022                               v8 = iadd v3, v1
;;= @0022                               v9 = iconst.i64 16
;;= @0022                               v10 = iadd v8, v9  ; v9 = 16
;;= @0022                               v11 = iconst.i64 0
;;= @0022                               v12 = select_spectre_guard v7, v11, v10  ; v11 = 0
;;= @0022                               v13 = load.i32 little region0 v12
;;= @0025                               return v13
;;= }
;;=
;;= ;; func[1]
;;= function u0:1(i64 vmctx, i64) -> i32 tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i64):
;;= @002a                               v3 = load.i64 notrap aligned region3 v0+32
;;= @002a                               v4 = load.i64 notrap aligned region3 v0+40
;;= @002a                               v5 = iconst.i64 0x0001_0004
;;= @002a                               v6 = isub v4, v5  ; v5 = 0x0001_0004
;;= @002a                               v7 = icmp ugt v1, v6
;;= @002a                               v8 = icmp ult v4, v5  ; v5 = 0x0001_0004
;;= @002a                               v9 = bor v8, v7
;;= @002a                               trapnz v9, heap_oob
;;= @002a                               v10 = iadd v3, v1
;;= @002a                               v11 = iconst.i64 0x0001_0000
;;= @002a                               v12 = iadd v10, v11  ; v11 = 0x0001_0000
;;= @002a                               v13 = iconst.i64 0
;;= @002a                               v14 = select_spectre_guard v9, v13, v12  ; v13 = 0
;;= @002a                               v15 = load.i32 little region0 v14
;;= @002f                               return v15
;;= }
;;=
;;= ;; func[2]
;;= function u0:2(i64 vmctx, i64) -> i32 tail {
;;=     region0 = 0 "heap"
;;=     region1 = 1 "tables"
;;=     region2 = 2 "globals"
;;=     region3 = 3 "context"
;;=     gv0 = vmctx
;;=     gv1 = load.i64 notrap aligned readonly can_move region3 gv0+8
;;=     gv2 = load.i64 notrap aligned region3 gv1
;;=     stack_limit = gv2
;;=
;;=                                 block0(v0: i64, v1: i64):
;;= @0034                               v3 = load.i64 notrap aligned region3 v0+32
;;= @0034                               v4 = iconst.i8 1
;;= @0034                               trapnz v4, heap_oob  ; v4 = 1
;;= @0034                               v5 = iadd v3, v1
;;= @0034                               v6 = iconst.i64 -3
;;= @0034                               v7 = iadd v5, v6  ; v6 = -3
;;= @0034                               v8 = iconst.i64 0
;;= @0034                               v9 = select_spectre_guard v4, v8, v7  ; v4 = 1, v8 = 0
;;= @0034                               v10 = load.i32 little region0 v9
;;= @0040                               return v10
;;= }
