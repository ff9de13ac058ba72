(module
  (memory 1)
  (func (drop (i32.load align=8 (i32.const 0)))))

;;= error: not a valid WebAssembly module: invalid memop alignment: alignment must not be larger than natural (at byte offset 0x1e)
