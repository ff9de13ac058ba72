;; Functions are validated in parallel, but the error is always that of the first.
(module
  (func)
  (func (result i32))
  (func (i32.add) (drop))
  (func))

;;= error: not a valid WebAssembly module: type mismatch: expected i32 but nothing on stack (at byte offset 0x21)
