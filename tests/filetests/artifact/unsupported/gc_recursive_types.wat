(module
  (rec
    (type $a (sub (func)))
    (type $b (sub $a (func)))))

;;= error: not supported yet: recursive type groups (at byte offset 0xb)
