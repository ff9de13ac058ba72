(module (func (call 1)))

;;= error: not a valid WebAssembly module: unknown function 1: function index out of bounds (at byte offset 0x17)
