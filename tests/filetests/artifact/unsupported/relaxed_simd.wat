(module
  (func (param v128 v128) (result v128)
    (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))

;;= error: not supported yet: the instruction I8x16RelaxedSwizzle (at byte offset 0x1e)
