(module binary "\00asm\03\00\00\00")

;;= error: not a valid WebAssembly module: unknown binary version: 0x3 (at byte offset 0x4)
