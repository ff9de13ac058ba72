(module
  (global i32 (i32.const 0))
  (func (global.set 0 (i32.const 1))))

;;= error: not a valid WebAssembly module: global is immutable: cannot modify it with `global.set` (at byte offset 0x21)
