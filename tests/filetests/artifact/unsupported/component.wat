(component)

;;= error: not supported yet: components (at byte offset 0x0)
