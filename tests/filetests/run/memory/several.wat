;;! invoke: load 0
;;! invoke: copy
;;! invoke: load 0
;;! invoke: sizes
;;! invoke: grow_second 1
;;! invoke: sizes
;;! invoke: load_second 131071
;;! invoke: load_second 131072
;;! invoke: load 65536

;; Two memories, each with bounds of its own.
(module
  (memory $first 1)
  (memory $second 1 2)
  (data (memory $first) (i32.const 0) "\01")
  (data (memory $second) (i32.const 0) "\02")
  (func (export "load") (param i32) (result i32) (i32.load8_u $first (local.get 0)))
  (func (export "load_second") (param i32) (result i32)
    (i32.load8_u $second (local.get 0)))
  (func (export "copy")
    (memory.copy $first $second (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "grow_second") (param i32) (result i32) (memory.grow $second (local.get 0)))
  (func (export "sizes") (result i32 i32) (memory.size $first) (memory.size $second)))

;;= load 0 -> 1
;;= copy ->
;;= load 0 -> 2
;;= sizes -> 1 1
;;= grow_second 1 -> 1
;;= sizes -> 1 2
;;= load_second 131071 -> 0
;;= load_second 131072 -> trap: out of bounds memory access
;;= load 65536 -> trap: out of bounds memory access
