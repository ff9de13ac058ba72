(module binary "")

;;= error: not a valid WebAssembly module: unexpected end-of-file (at byte offset 0x0)
