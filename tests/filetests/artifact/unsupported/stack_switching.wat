(module
  (type $f (func))
  (type (cont $f)))

;;= error: not supported yet: garbage collection (a type that is not a plain function type) (at byte offset 0xe)
