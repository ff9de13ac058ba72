(component)

;;= error: not a valid WebAssembly module: component model validation support disabled at compile time (at byte offset 0x0)
