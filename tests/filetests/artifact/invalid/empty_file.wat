(module binary "")

;;= error: not a valid WebAssembly module: it does not start with the bytes "\0asm" (at byte offset 0x0)
