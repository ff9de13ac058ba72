;; A count of four billion types, in a section of five bytes.
(module binary "\00asm\01\00\00\00" "\01\05\ff\ff\ff\ff\0f")

;;= error: not a valid WebAssembly module: types count exceeds limit of 1000000 (at byte offset 0xa)
