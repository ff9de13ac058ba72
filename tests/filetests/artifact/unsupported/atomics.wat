(module
  (memory 1)
  (func (result i32) (i32.atomic.load (i32.const 0))))

;;= error: not supported yet: the instruction I32AtomicLoad (at byte offset 0x1f)
