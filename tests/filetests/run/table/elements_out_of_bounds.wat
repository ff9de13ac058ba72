;; One element too far: no instance comes to be.
(module
  (table 3 funcref)
  (func $f)
  (elem (i32.const 2) $f $f))

;;= instantiate -> trap: out of bounds table access
