(module (func (param anyref)))

;;= error: not supported yet: garbage collection (references of type anyref) (at byte offset 0xb)
