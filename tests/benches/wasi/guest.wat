;; What the benches of WASI have a guest do, a function each. Descriptor 3 is the directory that it works in:
;; `in` is read and `out` written, `a/b/c/d` is a file too, and `many` a folder of files. Any error is a trap.
(module
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir"
    (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))

  ;;   0  results of calls: a count, a descriptor, a time
  ;;   8  one buffer: address, length
  ;;  16  the rest of that buffer while it is written
  ;;  64  a file's status
  ;; 256  names
  ;; 64 KiB: the buffer, up to 1 MiB
  (memory (export "memory") 17)
  (data (i32.const 256) "in")
  (data (i32.const 264) "out")
  (data (i32.const 272) "a/b/c/d")
  (data (i32.const 288) "missing")
  (data (i32.const 296) "many")

  (func $ok (param $errno i32)
    (if (local.get $errno) (then unreachable)))

  ;; The rights to read, and what goes with it.
  (global $read i64 (i64.const 0x08200026))
  (global $write i64 (i64.const 0x08600064))
  (global $list i64 (i64.const 0x00204000))

  (func $open (param $name i32) (param $len i32) (param $oflags i32) (param $rights i64) (result i32)
    (call $ok (call $path_open
      (i32.const 3) (i32.const 1) (local.get $name) (local.get $len) (local.get $oflags)
      (local.get $rights) (i64.const 0) (i32.const 0) (i32.const 0)))
    (i32.load (i32.const 0)))

  (func $set_buffer (param $bytes i32)
    (i32.store (i32.const 8) (i32.const 0x10000))
    (i32.store (i32.const 12) (local.get $bytes)))

  (func $write_all (param $fd i32) (param $bytes i32)
    (i32.store (i32.const 16) (i32.const 0x10000))
    (i32.store (i32.const 20) (local.get $bytes))
    (loop $again
      (call $ok (call $fd_write (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 0)))
      (i32.store (i32.const 16) (i32.add (i32.load (i32.const 16)) (i32.load (i32.const 0))))
      (i32.store (i32.const 20) (i32.sub (i32.load (i32.const 20)) (i32.load (i32.const 0))))
      (br_if $again (i32.load (i32.const 20)))))

  (func $copy_between (param $from i32) (param $to i32) (param $bytes i32) (result i64)
    (local $sum i64)
    (call $set_buffer (local.get $bytes))
    (loop $again
      (call $ok (call $fd_read (local.get $from) (i32.const 8) (i32.const 1) (i32.const 0)))
      (if (i32.load (i32.const 0))
        (then
          (local.set $sum (i64.add (local.get $sum) (i64.load32_u (i32.const 0))))
          (call $write_all (local.get $to) (i32.load (i32.const 0)))
          (br $again))))
    (local.get $sum))

  ;; Copies `in` to `out`, so many bytes at a time; gives how many there were.
  (func (export "copy") (param $bytes i32) (result i64)
    (local $from i32) (local $to i32) (local $sum i64)
    (local.set $from (call $open (i32.const 256) (i32.const 2) (i32.const 0) (global.get $read)))
    (local.set $to (call $open (i32.const 264) (i32.const 3) (i32.const 9) (global.get $write)))
    (local.set $sum (call $copy_between (local.get $from) (local.get $to) (local.get $bytes)))
    (call $ok (call $fd_close (local.get $from)))
    (call $ok (call $fd_close (local.get $to)))
    (local.get $sum))

  ;; The same from standard input to standard output; gives nothing, since results are printed.
  (func (export "pipe") (param $bytes i32)
    (drop (call $copy_between (i32.const 0) (i32.const 1) (local.get $bytes))))

  (func $open_and_close (param $times i32) (param $name i32) (param $len i32)
    (loop $again
      (call $ok (call $fd_close
        (call $open (local.get $name) (local.get $len) (i32.const 0) (global.get $read))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))

  (func (export "open") (param $times i32)
    (call $open_and_close (local.get $times) (i32.const 256) (i32.const 2)))

  (func (export "open_deep") (param $times i32)
    (call $open_and_close (local.get $times) (i32.const 272) (i32.const 7)))

  (func (export "open_missing") (param $times i32)
    (loop $again
      (if (i32.ne (i32.const 44)
          (call $path_open
            (i32.const 3) (i32.const 1) (i32.const 288) (i32.const 7) (i32.const 0)
            (global.get $read) (i64.const 0) (i32.const 0) (i32.const 0)))
        (then unreachable))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))

  (func (export "stat") (param $times i32)
    (loop $again
      (call $ok (call $path_filestat_get
        (i32.const 3) (i32.const 1) (i32.const 256) (i32.const 2) (i32.const 64)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))

  ;; Lists `many` as C libraries do: what was cut off at the end of the buffer is asked for again. Gives the
  ;; number of entries.
  (func (export "list") (param $bytes i32) (result i32)
    (local $fd i32) (local $cookie i64) (local $at i32) (local $end i32) (local $next i32) (local $count i32)
    (local.set $fd (call $open (i32.const 296) (i32.const 4) (i32.const 2) (global.get $list)))
    (loop $buffer
      (call $ok (call $fd_readdir
        (local.get $fd) (i32.const 0x10000) (local.get $bytes) (local.get $cookie) (i32.const 0)))
      (local.set $at (i32.const 0x10000))
      (local.set $end (i32.add (i32.const 0x10000) (i32.load (i32.const 0))))
      (block $cut
        (loop $entry
          (br_if $cut (i32.gt_u (i32.add (local.get $at) (i32.const 24)) (local.get $end)))
          (local.set $next (i32.add
            (i32.add (local.get $at) (i32.const 24))
            (i32.load offset=16 (local.get $at))))
          (br_if $cut (i32.gt_u (local.get $next) (local.get $end)))
          (local.set $cookie (i64.load (local.get $at)))
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (local.set $at (local.get $next))
          (br $entry)))
      (br_if $buffer (i32.eq (i32.load (i32.const 0)) (local.get $bytes))))
    (call $ok (call $fd_close (local.get $fd)))
    (local.get $count))

  (func (export "clock") (param $times i32)
    (loop $again
      (call $ok (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 0)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))

  (func (export "random") (param $times i32)
    (loop $again
      (call $ok (call $random_get (i32.const 0x10000) (i32.const 16)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))

  (func $write_bytes (param $times i32) (param $fd i32)
    (call $set_buffer (i32.const 1))
    (loop $again
      (call $ok (call $fd_write (local.get $fd) (i32.const 8) (i32.const 1) (i32.const 0)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))

  ;; So many times one byte, to `out` and to standard output.
  (func (export "write") (param $times i32)
    (local $fd i32)
    (local.set $fd (call $open (i32.const 264) (i32.const 3) (i32.const 9) (global.get $write)))
    (call $write_bytes (local.get $times) (local.get $fd))
    (call $ok (call $fd_close (local.get $fd))))

  (func (export "print") (param $times i32)
    (call $write_bytes (local.get $times) (i32.const 1))))
