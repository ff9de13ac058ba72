;;! only: precast.entry.0

;; Parameters come in slots of 16 bytes, and so do results; 1 is returned if there was no trap.
(module
  (func $f (export "f") (param i32 f64) (result i64 f32) (i64.const 1) (f32.const 2)))

;;= ;; precast.entry.0
;;= function u1:0(i64, i64, i64, i64) -> i8 system_v {
;;=     sig0 = (i64 vmctx, i32, f64) -> i64, f32 tail
;;=
;;= block0(v0: i64, v1: i64, v2: i64, v3: i64):
;;=     jump block1
;;=
;;= block1:
;;=     v4 = load.i32 notrap aligned v2
;;=     v5 = load.f64 notrap aligned v2+16
;;=     v6 = get_frame_pointer.i64
;;=     v7 = get_stack_pointer.i64
;;=     v8 = get_exception_handler_address.i64 block1, 0
;;=     store notrap aligned v6, v3+24
;;=     store notrap aligned v7, v3+16
;;=     store notrap aligned v8, v3+8
;;=     try_call_indirect.i64 v0(v1, v4, v5), sig0, block2(ret0, ret1), [ default: block3 ]
;;=
;;= block2(v9: i64, v10: f32):
;;=     store notrap aligned v9, v2
;;=     store notrap aligned v10, v2+16
;;=     v11 = iconst.i8 1
;;=     return v11  ; v11 = 1
;;=
;;= block3 cold:
;;=     v12 = iconst.i8 0
;;=     return v12  ; v12 = 0
;;= }
