(module (table i64 1 funcref))

;;= error: not supported yet: tables with 64-bit indices (at byte offset 0xb)
