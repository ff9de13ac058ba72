(module
  (type $t (func))
  (elem declare func $f)
  (func $f (type $t))
  (func (call_ref $t (ref.func $f))))

;;= error: not supported yet: the instruction CallRef (at byte offset 0x24)
