(module
  (func $f)
  (func (drop (ref.func $f))))

;;= error: not a valid WebAssembly module: undeclared function reference (at byte offset 0x1b)
