(module
  (func $f (param i32))
  (start $f))

;;= error: not a valid WebAssembly module: invalid start function type (at byte offset 0x15)
