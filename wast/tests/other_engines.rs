//! What scripts of other engines may do that the specification's do not.

use precast_compiler::{Features, Options};
use precast_wast::{Settings, run};

/// Runs a script with all features: so many directives must pass, the others fail for reasons that
/// begin like `reasons`, in the order of the text.
#[track_caller]
fn check(script: &str, passed: usize, reasons: &[&str]) {
    let options = Options {
        features: Features::ALL,
        ..Options::default()
    };
    let report = run(script, &Settings::new(options)).unwrap_or_else(|error| panic!("{error}"));
    let found = &report.failures;
    let mut pairs = found.iter().zip(reasons);
    let are_expected = found.len() == reasons.len()
        && pairs.all(|(failure, reason)| failure.reason.starts_with(reason));
    assert!(are_expected, "expected {reasons:?}, found {found:#?}");
    assert_eq!(report.passed, passed, "directives that passed");
}

#[test]
fn other_engines_words_for_traps_are_understood() {
    check(
        r#"(module
            (type $f (func))
            (table 1 funcref)
            (func (export "unreachable") unreachable)
            (func (export "table") (call_indirect (type $f) (i32.const 1)))
            (func (export "null") (call_ref $f (ref.null $f)))
            (func (export "throw") (throw_ref (ref.null exn))))
        (assert_trap (invoke "unreachable") "wasm `unreachable` instruction executed")
        (assert_trap (invoke "table") "undefined element")
        (assert_trap (invoke "table") "out of bounds table access")
        (assert_trap (invoke "table") "out of bounds")
        (assert_trap (invoke "table") "out of bounds memory access")
        (assert_trap (invoke "null") "null function reference")
        (assert_trap (invoke "null") "null function")
        (assert_trap (invoke "null") "null reference")
        (assert_trap (invoke "throw") "null exception reference")
        (assert_trap (invoke "throw") "null reference")
        (assert_trap (invoke "throw") "null function reference")"#,
        10,
        &[
            "expected the trap `out of bounds memory access`, found `undefined element`",
            "expected the trap `null function reference`, found `null exception reference`",
        ],
    );
}

#[test]
fn waiting_where_nobody_else_is_has_two_names() {
    check(
        r#"(module (memory 1) (func (export "wait")
            (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0)))))
        (assert_trap (invoke "wait") "expected shared memory")
        (assert_trap (invoke "wait") "atomic wait on non-shared memory")"#,
        3,
        &[],
    );
}

#[test]
fn segments_that_do_not_fit_may_count_as_a_failure_to_link() {
    check(
        r#"(assert_unlinkable (module (memory 1) (data (i32.const 65536) "x"))
            "out of bounds memory access")
        (assert_unlinkable (module (memory 1) (data (i32.const 65536) "x"))
            "out of bounds table access")
        (assert_unlinkable (module (memory 1) (data (i32.const 65536) "x")) "unknown import")"#,
        1,
        &[
            "expected `out of bounds table access`, found `trap: out of bounds memory access",
            "expected `unknown import`, found `trap: out of bounds memory access",
        ],
    );
}

#[test]
fn instances_are_imported_by_their_names_too_where_nothing_is_registered() {
    check(
        r#"(module $m (func (export "f")))
        (module (import "m" "f" (func)))
        (module $m (func (export "g")))
        (module (import "m" "f" (func)))
        (module (import "m" "g" (func)))
        (module (func (export "h")))
        (register "m")
        (module (import "m" "h" (func)))
        (module (import "m" "g" (func)))
        (module)
        (register "m")
        (module (import "m" "g" (func)))
        (module $spectest)
        (module (import "spectest" "print" (func)))
        (module definition $d (func (export "f")))
        (module (import "d" "f" (func)))
        (module instance $i $d)
        (module (import "i" "f" (func)))
        (assert_trap (module $start (func $f unreachable) (start $f) (export "f" (func $f)))
            "unreachable")
        (module (import "start" "f" (func)))"#,
        15,
        &[
            r#"imports that are not defined: "m" "f""#,
            r#"imports that are not defined: "m" "g""#,
            r#"imports that are not defined: "m" "g""#,
            r#"imports that are not defined: "d" "f""#,
            r#"imports that are not defined: "start" "f""#,
        ],
    );
}

#[test]
fn memories_of_more_than_32_bits_may_be_larger_than_guests_usually_get() {
    check(
        r#"(module (memory i64 0x1_0001)
            (func (export "load") (param i64) (result i32) (i32.load (local.get 0)))
            (data (i64.const 0x1_0000_0000) "\2a\00\00\00"))
        (assert_return (invoke "load" (i64.const 0x1_0000_0000)) (i32.const 42))
        (assert_return (invoke "load" (i64.const 0)) (i32.const 0))
        (assert_trap (invoke "load" (i64.const 0x1_0001_0000)) "out of bounds memory access")
        (module (memory i64 0x10_0000))"#,
        4,
        &["a memory starts with 68719476736 bytes, 8589934592 are allowed"],
    );
}
