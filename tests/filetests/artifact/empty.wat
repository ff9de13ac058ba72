(module)

;;= target x86_64-unknown-linux
;;= escaping []
;;= slots []
