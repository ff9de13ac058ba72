(module (func (param anyref)))

;;= error: not supported yet: values of the reference type anyref (at byte offset 0xb)
