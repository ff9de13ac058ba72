(module (memory i64 1))

;;= error: not supported yet: memories with 64-bit addresses (at byte offset 0xb)
