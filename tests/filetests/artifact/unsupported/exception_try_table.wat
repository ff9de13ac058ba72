(module
  (func (block $b (try_table (catch_all $b) (nop)))))

;;= error: not supported yet: the instruction TryTable (at byte offset 0x19)
