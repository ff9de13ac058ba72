;; Nothing can be said about what an imported memory holds.
(module
  (import "env" "memory" (memory 1 2))
  (data (i32.const 0) "hello"))

;;= target x86_64-unknown-linux
;;= import "env" "memory" (memory 1 2)
;;= data 0 copied to memory 0 at i32:0 "hello"
;;= escaping []
;;= slots []
