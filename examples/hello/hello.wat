;; The smallest useful WASI command: one fd_write to standard output.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $iovs i32) (param $iovs_len i32) (param $written i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param $code i32)))

  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00" "\0d\00\00\00") ;; one iovec: address 16, 13 bytes
  (data (i32.const 16) "Hello, world\n")

  (func $start (export "_start")
    (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
      (then (call $proc_exit (i32.const 1))))))
