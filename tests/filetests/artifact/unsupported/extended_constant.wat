(module
  (global i32 (i32.add (i32.const 1) (i32.const 2))))

;;= error: not supported yet: extended constant expressions (at byte offset 0xf)
