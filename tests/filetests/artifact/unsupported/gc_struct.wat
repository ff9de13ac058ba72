(module (type (struct (field i32))))

;;= error: not supported yet: garbage collection (a type of structures or arrays) (at byte offset 0xb)
