(module
  (func (param i64 i64) (result i64 i64)
    (i64.mul_wide_u (local.get 0) (local.get 1))))

;;= error: not supported yet: the instruction I64MulWideU (at byte offset 0x1f)
