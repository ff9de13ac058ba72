;;! deterministic: true
;;! invoke: stored nan:0x123
;;! invoke: stored_single nan:0x123
;;! invoke: local nan:0x123
;;! invoke: tee nan:0x123
;;! invoke: global nan:0x123
;;! invoke: returned nan:0x123
;;! invoke: returned_early nan:0x123
;;! invoke: passed nan:0x123
;;! invoke: passed_indirectly nan:0x123
;;! invoke: passed_to_host nan:0x123
;;! invoke: branch nan:0x123
;;! invoke: branch_if nan:0x123
;;! invoke: branch_table nan:0x123
;;! invoke: branch_table_of_many_ways nan:0x123 0
;;! invoke: branch_table_of_many_ways nan:0x123 1
;;! invoke: branch_table_of_many_ways nan:0x123 2
;;! invoke: fallthrough nan:0x123
;;! invoke: arms nan:0x123 0
;;! invoke: arms nan:0x123 1
;;! invoke: no_else nan:0x123 0
;;! invoke: loop_param nan:0x123
;;! invoke: selected nan:0x123
;;! invoke: signs nan:0x123
;;! invoke: negated_in_between nan:0x123
;;! invoke: splat nan:0x123
;;! invoke: replaced nan:0x123
;;! invoke: bytes_of_lanes nan:0x80
;;! invoke: lanes_of_other_width nan:0x123
;;! invoke: pseudo nan:0x123
;;! invoke: bitselect nan:0x123
;;! invoke: stored_vector nan:0x123
;;! invoke: stored_lane nan:0x123
;;! invoke: chain nan:0x123 -nan:0x456 -inf
;;! invoke: compared nan:0x123
;;! invoke: saturated nan:0x123
;;! invoke: constant
;;! invoke: kept nan:0x123

;; Whatever takes a result of arithmetic and can tell one NaN from another gets the canonical one.
(module
  (import "host" "log_f64" (func $log_f64 (param f64)))
  (memory 1)
  (table funcref (elem $identity))
  (type $identity (func (param f64) (result f64)))
  (global $g (mut f64) (f64.const 0))
  (func $identity (type $identity) (local.get 0))

  (func (export "stored") (param f64) (result i64)
    (f64.store (i32.const 0) (f64.add (local.get 0) (f64.const 1)))
    (i64.load (i32.const 0)))
  (func (export "stored_single") (param f32) (result i32)
    (f32.store (i32.const 0) (f32.sqrt (local.get 0)))
    (i32.load (i32.const 0)))
  (func (export "local") (param f64) (result i64)
    (local.set 0 (f64.sub (local.get 0) (f64.const 1)))
    (i64.reinterpret_f64 (local.get 0)))
  (func (export "tee") (param f64) (result i64 i64)
    (i64.reinterpret_f64 (local.tee 0 (f64.mul (local.get 0) (f64.const 3))))
    (i64.reinterpret_f64 (local.get 0)))
  (func (export "global") (param f64) (result i64)
    (global.set $g (f64.div (local.get 0) (f64.const 3)))
    (i64.reinterpret_f64 (global.get $g)))
  (func (export "returned") (param f64) (result f64)
    (f64.min (local.get 0) (f64.const 3)))
  (func (export "returned_early") (param f64) (result f64)
    (return (f64.max (local.get 0) (f64.const 3))))
  (func (export "passed") (param f64) (result i64)
    (i64.reinterpret_f64 (call $identity (f64.ceil (local.get 0)))))
  (func (export "passed_indirectly") (param f64) (result i64)
    (i64.reinterpret_f64
      (call_indirect (type $identity) (f64.floor (local.get 0)) (i32.const 0))))
  (func (export "passed_to_host") (param f64)
    (call $log_f64 (f64.trunc (local.get 0))))
  (func (export "branch") (param f64) (result i64)
    (block $out (result f64) (br $out (f64.nearest (local.get 0))))
    (i64.reinterpret_f64))
  (func (export "branch_if") (param f64) (result i64 i64)
    (block $out (result f64)
      (f64.add (local.get 0) (local.get 0))
      (br_if $out (i32.eqz (memory.size)))
      (i64.reinterpret_f64) (return (i64.const 0)))
    (i64.reinterpret_f64) (i64.const 1))
  (func (export "branch_table") (param f64) (result i64)
    (block $out (result f64)
      (br_table $out $out (f64.add (local.get 0) (local.get 0)) (i32.const 0)))
    (i64.reinterpret_f64))
  ;; What makes the value canonical is on every way from the table.
  (func (export "branch_table_of_many_ways") (param f64 i32) (result i64 i32)
    (block $second (result f64)
      (block $first (result f64)
        (block $zeroth (result f64)
          (br_table $zeroth $first $second
            (f64.add (local.get 0) (local.get 0)) (local.get 1)))
        (return (i64.reinterpret_f64) (i32.const 0)))
      (return (i64.reinterpret_f64) (i32.const 1)))
    (i64.reinterpret_f64) (i32.const 2))
  (func (export "fallthrough") (param f64) (result i64)
    (block (result f64) (f64.add (local.get 0) (local.get 0)))
    (i64.reinterpret_f64))
  (func (export "arms") (param f64 i32) (result i64)
    (f64.add (local.get 0) (local.get 0))
    (local.get 1)
    (if (param f64) (result i64)
      (then (i64.reinterpret_f64))
      (else (i64.reinterpret_f64))))
  (func (export "no_else") (param f64 i32) (result i64)
    (f64.add (local.get 0) (local.get 0))
    (local.get 1)
    (if (param f64) (result f64) (then))
    (i64.reinterpret_f64))
  (func (export "loop_param") (param f64) (result i64)
    (f64.add (local.get 0) (local.get 0))
    (loop (param f64) (result i64) (i64.reinterpret_f64)))
  (func (export "selected") (param f64) (result i64)
    (select
      (f64.add (local.get 0) (local.get 0)) (f64.mul (local.get 0) (local.get 0))
      (memory.size))
    (i64.reinterpret_f64))
  (func (export "signs") (param f64) (result i64 i64 i64 i64)
    (i64.reinterpret_f64 (f64.neg (f64.add (local.get 0) (local.get 0))))
    (i64.reinterpret_f64 (f64.abs (f64.add (local.get 0) (local.get 0))))
    (i64.reinterpret_f64 (f64.copysign (f64.add (local.get 0) (local.get 0)) (f64.const -1)))
    ;; The sign of a NaN that is made is positive.
    (i64.reinterpret_f64
      (f64.copysign (f64.const 1) (f64.sub (f64.neg (local.get 0)) (f64.neg (local.get 0))))))
  (func (export "negated_in_between") (param f64) (result i64)
    (i64.reinterpret_f64
      (f64.add (f64.neg (f64.add (local.get 0) (local.get 0))) (f64.const 1))))
  (func (export "splat") (param f64) (result v128)
    (f64x2.splat (f64.add (local.get 0) (local.get 0))))
  (func (export "replaced") (param f64) (result v128)
    (f64x2.replace_lane 1 (f64x2.add (f64x2.splat (local.get 0)) (f64x2.splat (local.get 0)))
      (f64.add (local.get 0) (local.get 0))))
  (func (export "bytes_of_lanes") (param f64) (result i32)
    (i8x16.bitmask (f64x2.mul (f64x2.splat (local.get 0)) (f64x2.splat (local.get 0)))))
  (func (export "lanes_of_other_width") (param f64) (result v128)
    (f32x4.mul (f64x2.mul (f64x2.splat (local.get 0)) (f64x2.splat (local.get 0)))
      (f32x4.splat (f32.const 1))))
  (func (export "pseudo") (param f64) (result v128 v128)
    (f64x2.pmin (f64x2.sqrt (f64x2.splat (local.get 0))) (v128.const f64x2 1 1))
    (f64x2.pmax (f64x2.sqrt (f64x2.splat (local.get 0))) (v128.const f64x2 1 1)))
  (func (export "bitselect") (param f64) (result v128)
    (v128.bitselect
      (f64x2.ceil (f64x2.splat (local.get 0))) (f64x2.floor (f64x2.splat (local.get 0)))
      (v128.const i64x2 0xffff 0x7fff0000)))
  (func (export "stored_vector") (param f64) (result i64 i64)
    (v128.store (i32.const 0) (f64x2.div (f64x2.splat (local.get 0)) (v128.const f64x2 2 3)))
    (i64.load (i32.const 0)) (i64.load (i32.const 8)))
  (func (export "stored_lane") (param f64) (result i64)
    (v128.store64_lane 1 (i32.const 0) (f64x2.trunc (f64x2.splat (local.get 0))))
    (i64.load (i32.const 0)))
  ;; A NaN goes through several operators first.
  (func (export "chain") (param f64 f64 f64) (result i64 i32)
    (i64.reinterpret_f64
      (f64.sqrt (f64.add (f64.mul (local.get 0) (local.get 1))
        (f64.max (f64.promote_f32 (f32.demote_f64 (local.get 1))) (local.get 2)))))
    (i32.reinterpret_f32 (f32.demote_f64 (f64.sub (local.get 2) (local.get 2)))))
  (func (export "compared") (param f64) (result i32 i32 i32)
    (f64.eq (f64.add (local.get 0) (local.get 0)) (f64.add (local.get 0) (local.get 0)))
    (f64.ne (f64.add (local.get 0) (local.get 0)) (f64.const 0))
    (v128.any_true (f64x2.le (f64x2.add (f64x2.splat (local.get 0)) (f64x2.splat (local.get 0)))
      (f64x2.splat (f64.const inf)))))
  (func (export "saturated") (param f64) (result i32 i64 v128)
    (i32.trunc_sat_f64_s (f64.add (local.get 0) (local.get 0)))
    (i64.trunc_sat_f64_u (f64.add (local.get 0) (local.get 0)))
    (i32x4.trunc_sat_f64x2_s_zero
      (f64x2.add (f64x2.splat (local.get 0)) (f64x2.splat (local.get 0)))))
  ;; Made by the compiler.
  (func (export "constant") (result f64 f32)
    (f64.sub (f64.const -inf) (f64.const -inf)) (f32.mul (f32.const -nan:0x77) (f32.const 0)))
  ;; No arithmetic: as it came.
  (func (export "kept") (param f64) (result f64 f64 f64 f64)
    (local.get 0) (f64.neg (local.get 0)) (f64.copysign (local.get 0) (f64.const -1))
    (select (local.get 0) (f64.const 1) (memory.size))))

;;= stored nan:0x123 -> 9221120237041090560
;;= stored_single nan:0x123 -> 2143289344
;;= local nan:0x123 -> 9221120237041090560
;;= tee nan:0x123 -> 9221120237041090560 9221120237041090560
;;= global nan:0x123 -> 9221120237041090560
;;= returned nan:0x123 -> nan:0x8000000000000
;;= returned_early nan:0x123 -> nan:0x8000000000000
;;= passed nan:0x123 -> 9221120237041090560
;;= passed_indirectly nan:0x123 -> 9221120237041090560
;;= log nan:0x8000000000000
;;= passed_to_host nan:0x123 ->
;;= branch nan:0x123 -> 9221120237041090560
;;= branch_if nan:0x123 -> 9221120237041090560 0
;;= branch_table nan:0x123 -> 9221120237041090560
;;= branch_table_of_many_ways nan:0x123 0 -> 9221120237041090560 0
;;= branch_table_of_many_ways nan:0x123 1 -> 9221120237041090560 1
;;= branch_table_of_many_ways nan:0x123 2 -> 9221120237041090560 2
;;= fallthrough nan:0x123 -> 9221120237041090560
;;= arms nan:0x123 0 -> 9221120237041090560
;;= arms nan:0x123 1 -> 9221120237041090560
;;= no_else nan:0x123 0 -> 9221120237041090560
;;= loop_param nan:0x123 -> 9221120237041090560
;;= selected nan:0x123 -> 9221120237041090560
;;= signs nan:0x123 -> -2251799813685248 9221120237041090560 -2251799813685248 4607182418800017408
;;= negated_in_between nan:0x123 -> 9221120237041090560
;;= splat nan:0x123 -> i32x4:0x0,0x7ff80000,0x0,0x7ff80000
;;= replaced nan:0x123 -> i32x4:0x0,0x7ff80000,0x0,0x7ff80000
;;= bytes_of_lanes nan:0x80 -> 16448
;;= lanes_of_other_width nan:0x123 -> i32x4:0x0,0x7fc00000,0x0,0x7fc00000
;;= pseudo nan:0x123 -> i32x4:0x0,0x7ff80000,0x0,0x7ff80000 i32x4:0x0,0x7ff80000,0x0,0x7ff80000
;;= bitselect nan:0x123 -> i32x4:0x0,0x7ff80000,0x0,0x7ff80000
;;= stored_vector nan:0x123 -> 9221120237041090560 9221120237041090560
;;= stored_lane nan:0x123 -> 9221120237041090560
;;= chain nan:0x123 -nan:0x456 -inf -> 9221120237041090560 2143289344
;;= compared nan:0x123 -> 0 1 0
;;= saturated nan:0x123 -> 0 0 i32x4:0x0,0x0,0x0,0x0
;;= constant -> nan:0x8000000000000 nan:0x400000
;;= kept nan:0x123 -> nan:0x123 -nan:0x123 -nan:0x123 nan:0x123
