(module binary "\00asn\01\00\00\00")

;;= error: not a valid WebAssembly module: it does not start with the bytes "\0asm" (at byte offset 0x0)
