;; -1 is 4294967295, even for a segment without bytes.
(module
  (memory 1)
  (data (i32.const -1) ""))

;;= instantiate -> trap: out of bounds memory access
