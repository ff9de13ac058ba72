(module
  (func (export "f"))
  (func (export "f")))

;;= error: not a valid WebAssembly module: duplicate export name `f` already defined (at byte offset 0x1a)
