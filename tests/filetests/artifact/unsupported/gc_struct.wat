(module (type (struct (field i32))))

;;= error: not supported yet: garbage collection (a type that is not a plain function type) (at byte offset 0xb)
