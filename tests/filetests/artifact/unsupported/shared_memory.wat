(module (memory 1 2 shared))

;;= error: not supported yet: threads (a shared memory) (at byte offset 0xb)
