(module (memory 1 (pagesize 1)))

;;= error: not supported yet: custom page sizes (at byte offset 0xb)
