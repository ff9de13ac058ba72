;; Makes a greeting of a name. Texts are passed as in most languages: a pointer and a length in
;; bytes; the module lends its memory out by `allocate`.
(module $greeter
  (import "host" "log" (func $log (param $text i32) (param $len i32)))

  (memory (export "memory") 1)
  (data (i32.const 0) "Hello, !greeting somebody")
  (global $free (mut i32) (i32.const 1024))

  ;; Room for `len` bytes. This one never gives any back.
  (func $allocate (export "allocate") (param $len i32) (result i32)
    (local $place i32)
    (local.set $place (global.get $free))
    (global.set $free (i32.add (local.get $place) (local.get $len)))
    ;; A trap ends who wants more than there is.
    (if (i32.gt_u (global.get $free) (i32.const 65536)) (then unreachable))
    (local.get $place))

  ;; "Hello, NAME!", as pointer and length.
  (func (export "greet") (param $name i32) (param $len i32) (result i32 i32)
    (local $text i32)
    (call $log (i32.const 8) (i32.const 17)) ;; "greeting somebody"
    (local.set $text (call $allocate (i32.add (local.get $len) (i32.const 8))))
    (memory.copy (local.get $text) (i32.const 0) (i32.const 7)) ;; "Hello, "
    (memory.copy (i32.add (local.get $text) (i32.const 7)) (local.get $name) (local.get $len))
    (i32.store8 offset=7 (i32.add (local.get $text) (local.get $len)) (i32.const 33)) ;; "!"
    (local.get $text)
    (i32.add (local.get $len) (i32.const 8))))
