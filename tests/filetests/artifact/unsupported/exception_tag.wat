(module (tag (param i32)))

;;= error: not supported yet: exception handling (a tag section) (at byte offset 0x11)
