(module
  (type $t (func))
  (func (param (ref null $t))))

;;= error: not supported yet: values of the reference type (ref null (module 0)) (at byte offset 0xe)
