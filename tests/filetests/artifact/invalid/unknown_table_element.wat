(module
  (table 1 funcref)
  (elem (i32.const 0) 7))

;;= error: not a valid WebAssembly module: unknown function 7: func index out of bounds (at byte offset 0x16)
