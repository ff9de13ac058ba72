;; The offset is that of the instruction.
(module (func (result i32) (i64.const 1)))

;;= error: not a valid WebAssembly module: type mismatch: expected i32, found i64 (at byte offset 0x1a)
