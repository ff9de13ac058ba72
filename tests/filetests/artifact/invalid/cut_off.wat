;; The type section says that it has ten bytes.
(module binary "\00asm\01\00\00\00" "\01\0a\01\60")

;;= error: not a valid WebAssembly module: unexpected end-of-file (at byte offset 0xa)
