(module (import "env" "tag" (tag (param i32))))

;;= error: not supported yet: exception handling (an imported tag) (at byte offset 0x12)
