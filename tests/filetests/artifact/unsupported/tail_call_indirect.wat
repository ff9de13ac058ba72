(module
  (table 1 funcref)
  (func $f (return_call_indirect (i32.const 0))))

;;= error: not supported yet: the instruction ReturnCallIndirect (at byte offset 0x1f)
