(module
  (func $f (return_call $f)))

;;= error: not supported yet: the instruction ReturnCall (at byte offset 0x17)
