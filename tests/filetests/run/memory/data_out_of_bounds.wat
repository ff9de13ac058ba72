;; One byte too far: no instance comes to be.
(module
  (memory 1)
  (data (i32.const 65533) "abcd"))

;;= instantiate -> trap: out of bounds memory access
