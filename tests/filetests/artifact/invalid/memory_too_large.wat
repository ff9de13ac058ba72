(module (memory 65537))

;;= error: not a valid WebAssembly module: memory size must be at most 0x10000 65536-byte pages (at byte offset 0xb)
