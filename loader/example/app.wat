;; What the examples in the documentation of precast-loader run, compiled with the options `fuel`
;; and `listeners`. After a change of this file, or of what the compiler makes of it:
;; BLESS=1 cargo test -p precast-tests --test documentation

(module $app
  (import "env" "add" (func $add (param i32 i32) (result i32)))

  (memory (export "memory") 1 4)
  (data (i32.const 16) "hello")
  (table (export "__indirect_function_table") 2 8 funcref)
  (elem (i32.const 1) $twice)
  (global $heap_base (export "__heap_base") i32 (i32.const 1024))
  (global $heap_end (mut i32) (i32.const 1024))
  (global $counter (export "counter") (mut i64) (i64.const 0))

  ;; The sum of both, as the host makes it.
  (func (export "run") (param i32 i32) (result i32)
    (global.set $counter (i64.add (global.get $counter) (i64.const 1)))
    (call $add (local.get 0) (local.get 1)))

  (func $twice (export "twice") (param i32) (result i32)
    (i32.mul (local.get 0) (i32.const 2)))

  ;; Room for so many bytes, never to be used again.
  (func (export "malloc") (param $len i32) (result i32)
    (global.get $heap_end)
    (global.set $heap_end (i32.add (global.get $heap_end) (local.get $len))))

  ;; Never ends.
  (func (export "spin")
    (loop (br 0)))

  (func $fail (export "fail")
    (unreachable))

  (@custom "greeting" "hello"))
