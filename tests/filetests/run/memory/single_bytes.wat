;;! invoke: size
;;! invoke: load 0
;;! invoke: load 1
;;! invoke: grow 3
;;! invoke: size
;;! invoke: load 4
;;! invoke: load 5
;;! invoke: grow 4088
;;! invoke: grow 1
;;! invoke: load 4092
;;! invoke: load 4093
;;! invoke: large_offset 0

;; Pages of one byte: a memory ends wherever it ends, within a page of the system's too.
(module
  (memory 5 4096 (pagesize 1))
  (data (i32.const 0) "\01\02\03\04\05")
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "large_offset") (param i32) (result i32)
    (i32.load offset=0xffffffff (local.get 0))))

;;= size -> 5
;;= load 0 -> 67305985
;;= load 1 -> 84148994
;;= grow 3 -> 5
;;= size -> 8
;;= load 4 -> 5
;;= load 5 -> trap: out of bounds memory access
;;= grow 4088 -> 8
;;= grow 1 -> -1
;;= load 4092 -> 0
;;= load 4093 -> trap: out of bounds memory access
;;= large_offset 0 -> trap: out of bounds memory access
