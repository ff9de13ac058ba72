;; From a segment on whose place is not known, or does not fit, everything for that memory is
;; copied at instantiation, in order. Passive bytes are kept for `memory.init`.
(module
  (import "env" "at" (global $at i32))
  (memory $known 1)
  (memory $unknown 1)
  (data (memory $known) (i32.const 0) "image")
  (data (memory $unknown) (i32.const 0) "before")
  (data (memory $unknown) (global.get $at) "somewhere")
  (data (memory $unknown) (i32.const 1) "after")
  (data $passive "passive")
  (data (memory $known) (i32.const 65535) "does not fit")
  (func (memory.init $known $passive (i32.const 0) (i32.const 0) (i32.const 1))))

;;= target x86_64-unknown-linux
;;= type 0 (func)
;;= import "env" "at" (global i32)
;;= function 0 func[0] of type 0
;;= memory 0 (memory 1)
;;=   0x0 + 0x1000: 0x0="image"
;;= memory 1 (memory 1)
;;=   0x0 + 0x1000: 0x0="before"
;;= data 0 in the image ""
;;= data 1 in the image ""
;;= data 2 copied to memory 1 at global:0 "somewhere"
;;= data 3 copied to memory 1 at i32:1 "after"
;;= data 4 passive "passive"
;;= data 5 copied to memory 0 at i32:65535 "does not fit"
;;= escaping []
;;= slots [precast_memory_init]
;;= features [multi-memory]
