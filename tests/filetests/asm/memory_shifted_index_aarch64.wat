;;! target: aarch64-unknown-linux-gnu

;; An index that is shifted keeps 32 bits: the shift is an instruction of its own on the lower half of a
;; register, or the bits it would move up are cut off before they are added to the base.
(module
  (memory 1)
  (func $shifted (param i32) (result i64) (i64.load (i32.shl (local.get 0) (i32.const 3))))
  (func $shifted_store (param i32 i64)
    (i64.store (i32.shl (local.get 0) (i32.const 3)) (local.get 1)))
  (func $shifted_wide (param i64) (result i64)
    (i64.load (i32.wrap_i64 (i64.shl (local.get 0) (i64.const 3)))))
  (func $signed (param i32) (result i32)
    (i32.load (i32.wrap_i64 (i64.extend_i32_s (local.get 0))))))

;;= ;; shifted
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   ldr x5, [x2, #40]
;;=   lsl w6, w3, #3
;;=   ldr x2, [x5, w6, UXTW]
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;=
;;= ;; shifted_store
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   ldr x5, [x2, #40]
;;=   lsl w6, w3, #3
;;=   str x4, [x5, w6, UXTW]
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;=
;;= ;; shifted_wide
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   ldr x5, [x2, #40]
;;=   lsl x6, x3, #3
;;=   ldr x2, [x5, w6, UXTW]
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;=
;;= ;; signed
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   ldr x4, [x2, #40]
;;=   ldr w2, [x4, w3, UXTW]
;;=   ldp fp, lr, [sp], #16
;;=   ret
