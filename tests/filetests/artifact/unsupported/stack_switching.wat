(module
  (type $f (func))
  (type (cont $f)))

;;= error: not a valid WebAssembly module: cannot define continuation types when stack switching is disabled (at byte offset 0xe)
