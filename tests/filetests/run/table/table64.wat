;;! invoke: size
;;! invoke: size_constant
;;! invoke: call 1
;;! invoke: call 3
;;! invoke: call 4
;;! invoke: call 0x100000001
;;! invoke: call -1
;;! invoke: call_constant 1
;;! invoke: call_constant 2
;;! invoke: call_constant 0x100000001
;;! invoke: call_constant 0x4000000000000001
;;! invoke: grow 2
;;! invoke: grow 100
;;! invoke: grow -1
;;! invoke: size
;;! invoke: is_null 5
;;! invoke: is_null 6
;;! invoke: is_null 0x2000000000000001
;;! invoke: fill 4 2
;;! invoke: call 5
;;! invoke: fill 5 -1
;;! invoke: set_null 1
;;! invoke: call 1
;;! invoke: set_null 0x100000001
;;! invoke: copy 3 4 2
;;! invoke: copy 0 -1 2
;;! invoke: copy_narrow 0 2 1
;;! invoke: call 0
;;! invoke: copy_narrow 0x100000000 0 1
;;! invoke: init 0 1 -1
;;! invoke: init 1 0 1
;;! invoke: call 1

;; Tables with 64-bit indices: none of the upper bits is lost.
(module
  (type $number (func (result i32)))
  (table $table (export "table") i64 4 8 funcref)
  (table $constant i64 2 funcref)
  (table $narrow (export "narrow") 4 funcref)
  (elem (table $table) (i64.const 1) func $one)
  (elem (table $constant) (i64.const 0) func $one $two)
  (elem (table $narrow) (i32.const 2) func $two)
  (elem $passive func $two)
  (func $one (result i32) (i32.const 1))
  (func $two (result i32) (i32.const 2))
  (func (export "size") (result i64) (table.size $table))
  (func (export "size_constant") (result i64) (table.size $constant))
  (func (export "call") (param i64) (result i32)
    (call_indirect $table (type $number) (local.get 0)))
  (func (export "call_constant") (param i64) (result i32)
    (call_indirect $constant (type $number) (local.get 0)))
  (func (export "grow") (param i64) (result i64)
    (table.grow $table (ref.null func) (local.get 0)))
  (func (export "is_null") (param i64) (result i32)
    (ref.is_null (table.get $table (local.get 0))))
  (func (export "set_null") (param i64)
    (table.set $table (local.get 0) (ref.null func)))
  (func (export "fill") (param i64 i64)
    (table.fill $table (local.get 0) (ref.func $two) (local.get 1)))
  (func (export "copy") (param i64 i64 i64)
    (table.copy $table $table (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy_narrow") (param i64 i32 i32)
    (table.copy $table $narrow (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i64 i32 i32)
    (table.init $table $passive (local.get 0) (local.get 1) (local.get 2))))

;;= size -> 4
;;= size_constant -> 2
;;= call 1 -> 1
;;= call 3 -> trap: uninitialized element
;;= call 4 -> trap: undefined element
;;= call 0x100000001 -> trap: undefined element
;;= call -1 -> trap: undefined element
;;= call_constant 1 -> 2
;;= call_constant 2 -> trap: undefined element
;;= call_constant 0x100000001 -> trap: undefined element
;;= call_constant 0x4000000000000001 -> trap: undefined element
;;= grow 2 -> 4
;;= grow 100 -> -1
;;= grow -1 -> -1
;;= size -> 6
;;= is_null 5 -> 1
;;= is_null 6 -> trap: out of bounds table access
;;= is_null 0x2000000000000001 -> trap: out of bounds table access
;;= fill 4 2 ->
;;= call 5 -> 2
;;= fill 5 -1 -> trap: out of bounds table access
;;= set_null 1 ->
;;= call 1 -> trap: uninitialized element
;;= set_null 0x100000001 -> trap: out of bounds table access
;;= copy 3 4 2 ->
;;= copy 0 -1 2 -> trap: out of bounds table access
;;= copy_narrow 0 2 1 ->
;;= call 0 -> 2
;;= copy_narrow 0x100000000 0 1 -> trap: out of bounds table access
;;= init 0 1 -1 -> trap: out of bounds table access
;;= init 1 0 1 ->
;;= call 1 -> 2
