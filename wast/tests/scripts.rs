//! What makes directives pass and fail.

use std::time::Duration;

use precast_compiler::{Features, Options};
use precast_wast::{Report, ScriptError, Settings, run};

fn report(script: &str, settings: &Settings) -> Report {
    run(script, settings).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a script, of whose directives so many must pass; the others must fail for reasons that begin like
/// `reasons`, in the order of the text.
#[track_caller]
fn check(script: &str, passed: usize, reasons: &[&str]) {
    let report = report(script, &Settings::new(Default::default()));
    let found = &report.failures;
    let are_expected = found.len() == reasons.len()
        && found
            .iter()
            .zip(reasons)
            .all(|(failure, reason)| failure.reason.starts_with(reason));
    assert!(are_expected, "expected {reasons:?}, found {found:#?}");
    assert_eq!(report.passed, passed, "directives that passed");
}

/// Functions that give back what they get.
const SAME: &str = r#"
    (module
        (func (export "i32") (param i32) (result i32) local.get 0)
        (func (export "i64") (param i64) (result i64) local.get 0)
        (func (export "f32") (param f32) (result f32) local.get 0)
        (func (export "f64") (param f64) (result f64) local.get 0)
        (func (export "v128") (param v128) (result v128) local.get 0)
        (func (export "funcref") (param funcref) (result funcref) local.get 0)
        (func (export "externref") (param externref) (result externref) local.get 0)
        (func $func (export "func") (result funcref) ref.func $func)
        (func (export "swap") (param i32 i32) (result i32 i32) local.get 1 local.get 0)
        (func (export "nothing")))"#;

#[track_caller]
fn check_same(directives: &str, passed: usize, reasons: &[&str]) {
    check(&format!("{SAME}\n{directives}"), 1 + passed, reasons);
}

#[test]
fn numbers_are_compared_bit_by_bit() {
    check_same(
        r#"(assert_return (invoke "i32" (i32.const -1)) (i32.const 0xffffffff))
        (assert_return (invoke "i64" (i64.const 1)) (i64.const 2))
        (assert_return (invoke "f32" (f32.const 0)) (f32.const -0))
        (assert_return (invoke "f64" (f64.const nan:0x1)) (f64.const nan:0x2))
        (assert_return (invoke "f64" (f64.const -nan:0x1)) (f64.const -nan:0x1))
        (assert_return (invoke "i32" (i32.const 1)) (i64.const 1))"#,
        2,
        &[
            "expected (i64.const 2), found (i64.const 1)",
            "expected (f32.const -0.0), found (f32.const 0.0)",
            "expected (f64.const nan:0x2), found (f64.const nan:0x1)",
            "expected (i64.const 1), found (i32.const 1)",
        ],
    );
}

#[test]
fn patterns_say_which_nans_are_meant() {
    check_same(
        r#"(assert_return (invoke "f32" (f32.const -nan)) (f32.const nan:canonical))
        (assert_return (invoke "f32" (f32.const nan:0x400001)) (f32.const nan:arithmetic))
        (assert_return (invoke "f64" (f64.const -nan)) (f64.const nan:canonical))
        (assert_return (invoke "f64" (f64.const nan)) (f64.const nan:arithmetic))
        (assert_return (invoke "f32" (f32.const nan:0x400001)) (f32.const nan:canonical))
        (assert_return (invoke "f64" (f64.const nan:0x1)) (f64.const nan:arithmetic))
        (assert_return (invoke "f64" (f64.const inf)) (f64.const nan:arithmetic))"#,
        4,
        &[
            "expected (f32.const nan:canonical), found (f32.const nan:0x400001)",
            "expected (f64.const nan:arithmetic), found (f64.const nan:0x1)",
            "expected (f64.const nan:arithmetic), found (f64.const inf)",
        ],
    );
}

#[test]
fn vectors_are_compared_lane_by_lane_in_every_shape() {
    for (lanes, wrong) in [
        (
            "i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 -1",
            "i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 -2",
        ),
        ("i16x8 0 1 2 3 4 5 6 -1", "i16x8 0 1 2 3 4 5 7 -1"),
        ("i32x4 0 1 2 -1", "i32x4 1 1 2 -1"),
        ("i64x2 0 -1", "i64x2 -1 -1"),
        ("f32x4 0.0 1.5 inf -nan:0x1", "f32x4 -0.0 1.5 inf -nan:0x1"),
        ("f64x2 0.0 -inf", "f64x2 0.0 inf"),
    ] {
        let expect = |what| {
            format!(r#"(assert_return (invoke "v128" (v128.const {lanes})) (v128.const {what}))"#)
        };
        check_same(&expect(lanes), 1, &[]);
        let reason = format!("expected (v128.const {wrong}), found (v128.const {lanes})");
        check_same(&expect(wrong), 0, &[&reason]);
    }
    check_same(
        r#"(assert_return (invoke "v128" (v128.const f32x4 nan 1 nan:0x400001 2))
            (v128.const f32x4 nan:canonical 1 nan:arithmetic 2))
        (assert_return (invoke "v128" (v128.const f64x2 1 nan:0x1))
            (v128.const f64x2 1 nan:arithmetic))"#,
        1,
        &["expected (v128.const f64x2 1.0 nan:arithmetic), found (v128.const f64x2 1.0 nan:0x1)"],
    );
}

#[test]
fn references_are_compared_by_kind_and_by_what_they_refer_to() {
    check_same(
        r#"(assert_return (invoke "funcref" (ref.null func)) (ref.null func))
        (assert_return (invoke "funcref" (ref.null func)) (ref.null nofunc))
        (assert_return (invoke "externref" (ref.null extern)) (ref.null))
        (assert_return (invoke "externref" (ref.extern 7)) (ref.extern 7))
        (assert_return (invoke "externref" (ref.extern 7)) (ref.extern))
        (assert_return (invoke "func") (ref.func))
        (assert_return (invoke "func") (ref.func 7))
        (assert_return (invoke "funcref" (ref.null func)) (ref.null extern))
        (assert_return (invoke "externref" (ref.extern 7)) (ref.extern 8))
        (assert_return (invoke "externref" (ref.extern 7)) (ref.null))
        (assert_return (invoke "func") (ref.func 1))
        (assert_return (invoke "funcref" (ref.null func)) (ref.func))"#,
        7,
        &[
            "expected (ref.null extern), found (ref.null func)",
            "expected (ref.extern 8), found (ref.extern 7)",
            "expected (ref.null), found (ref.extern 7)",
            "expected (ref.func 1), found (ref.func 7)",
            "expected (ref.func), found (ref.null func)",
        ],
    );
}

#[test]
fn references_that_do_not_exist_fail_by_name() {
    check_same(
        r#"(assert_return (invoke "func") (ref.any))
        (assert_return (invoke "func") (ref.eq))
        (assert_return (invoke "func") (ref.i31))
        (assert_return (invoke "func") (ref.struct))
        (assert_return (invoke "func") (ref.array))
        (assert_return (invoke "func") (ref.host 1))
        (assert_return (invoke "func") (ref.null any))
        (assert_return (invoke "externref" (ref.host 1)) (ref.null))
        (assert_return (invoke "func") (ref.func $func))"#,
        0,
        &[
            "values such as (ref.any) are not supported",
            "values such as (ref.eq) are not supported",
            "values such as (ref.i31) are not supported",
            "values such as (ref.struct) are not supported",
            "values such as (ref.array) are not supported",
            "values such as (ref.host 1) are not supported",
            "values such as (ref.null any) are not supported",
            "values such as (ref.host 1) are not supported",
            "functions are compared by index, not as $func",
        ],
    );
}

#[test]
fn one_of_several_results_may_be_expected() {
    check_same(
        r#"(assert_return (invoke "i32" (i32.const 2)) (either (i32.const 1) (i32.const 2)))
        (assert_return (invoke "i32" (i32.const 3)) (either (i32.const 1) (i32.const 2)))"#,
        1,
        &["expected (either (i32.const 1) (i32.const 2)), found (i32.const 3)"],
    );
}

#[test]
fn as_many_values_as_are_expected_must_be_returned() {
    check_same(
        r#"(assert_return (invoke "swap" (i32.const 1) (i32.const 2)) (i32.const 2) (i32.const 1))
        (assert_return (invoke "nothing"))
        (assert_return (invoke "swap" (i32.const 1) (i32.const 2)) (i32.const 2))
        (assert_return (invoke "i32" (i32.const 1)))
        (assert_return (invoke "nothing") (i32.const 1))
        (assert_return (invoke "i32"))
        (invoke "no such")"#,
        2,
        &[
            "expected (i32.const 2), found (i32.const 2) (i32.const 1)",
            "expected no values, found (i32.const 1)",
            "expected (i32.const 1), found no values",
            "",
            "",
        ],
    );
}

#[test]
fn traps_are_told_apart_by_their_messages() {
    check(
        r#"(module (memory 1)
            (func (export "div") (result i32) (i32.div_s (i32.const 1) (i32.const 0)))
            (func (export "none")))
        (assert_trap (invoke "div") "integer divide by zero")
        (assert_trap (invoke "div") "integer divide by zero, says another")
        (assert_trap (invoke "div") "integer overflow")
        (assert_trap (invoke "none") "unreachable")
        (invoke "div")
        (assert_trap (module (func $f unreachable) (start $f)) "unreachable")
        (assert_trap (module (memory 1) (data (i32.const 65536) "x")) "out of bounds")
        (assert_trap (module) "unreachable")
        (assert_trap (module (import "no" "such" (func))) "unreachable")"#,
        5,
        &[
            "expected the trap `integer overflow`, found `integer divide by zero`",
            "expected the trap `unreachable`, found no trap",
            "trap: integer divide by zero",
            "expected the trap `unreachable`, found no trap",
            "expected the trap `unreachable`, found `imports that are not defined: \"no\"",
        ],
    );
}

#[test]
fn exhaustion_is_a_trap_of_the_stack() {
    check(
        r#"(module (func $f (export "f") (call $f)) (func (export "g")))
        (assert_exhaustion (invoke "f") "call stack exhausted")
        (assert_exhaustion (invoke "g") "call stack exhausted")"#,
        2,
        &["expected the trap `call stack exhausted`, found no trap"],
    );
}

#[test]
fn what_is_not_supported_does_not_count_as_invalid() {
    check(
        r#"(assert_invalid (module (func (result i32))) "")
        (assert_invalid (module (type (struct)) (func (result i32))) "")
        (assert_invalid (module (type (struct))) "")
        (assert_invalid (module) "")
        (assert_invalid (module quote "(func (result i32))") "")
        (assert_invalid (module quote "(func") "")
        (assert_invalid (component) "")"#,
        3,
        &[
            "expected an invalid module, found a valid one",
            "expected an invalid module, found a valid one",
            "the text is refused already",
            "expected an invalid module, found `not supported yet: components",
        ],
    );
}

#[test]
fn what_is_malformed_is_refused_as_text_or_as_binary() {
    check(
        r#"(assert_malformed (module quote "(func") "")
        (assert_malformed (module quote "(func \ff)") "")
        (assert_malformed (module binary "\00asm\01\00\00") "")
        (assert_malformed (module binary "") "")
        (assert_malformed (module quote "(func)") "")
        (assert_malformed (module binary "\00asm\01\00\00\00") "")
        (assert_malformed_custom (module quote "(@custom)") "")
        (assert_malformed_custom (module quote "(@custom \"name\" \"\")") "")"#,
        5,
        &[
            "expected an invalid module, found a valid one",
            "expected an invalid module, found a valid one",
            "expected an invalid module, found a valid one",
        ],
    );
}

#[test]
fn quoted_names_may_have_any_characters() {
    let right_to_left = "\u{202e}";
    check(
        &format!("(module quote \"(func (export \\\"{right_to_left}\\\"))\")"),
        1,
        &[],
    );
}

#[test]
fn modules_do_not_link_for_the_reason_that_is_given() {
    check(
        r#"(assert_unlinkable (module (import "no" "such" (func))) "unknown import")
        (assert_unlinkable (module (import "spectest" "print_i32" (func)))
            "incompatible import type")
        (assert_unlinkable (module (import "no" "such" (func))) "incompatible import type")
        (assert_unlinkable (module (import "spectest" "print_i32" (func))) "unknown import")
        (assert_unlinkable (module) "unknown import")
        (assert_unlinkable (module (func $f unreachable) (start $f)) "unknown import")
        (assert_unlinkable (module (type (struct))) "unknown import")"#,
        2,
        &[
            "expected `incompatible import type`, found `imports that are not defined: \"no\"",
            "expected `unknown import`, found `imports that are defined as something else: \"spectest\"",
            "expected `unknown import`, found an instance",
            "expected `unknown import`, found `trap: unreachable",
            "not supported yet",
        ],
    );
}

#[test]
fn globals_are_read_by_name() {
    check(
        r#"(module $a (global (export "g") (mut i32) (i32.const 1)))
        (module)
        (assert_return (get $a "g") (i32.const 1))
        (assert_return (get $a "g") (i32.const 2))
        (assert_return (get "g") (i32.const 1))"#,
        3,
        &["expected (i32.const 2), found (i32.const 1)", ""],
    );
}

#[test]
fn definitions_are_instantiated_any_number_of_times() {
    check(
        r#"(module definition $counter
            (global $n (mut i32) (i32.const 0))
            (func (export "next") (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1)))
                (global.get $n)))
        (module instance $a $counter)
        (module instance $b $counter)
        (module instance)
        (invoke $a "next")
        (assert_return (invoke $a "next") (i32.const 2))
        (assert_return (invoke $b "next") (i32.const 1))
        (assert_return (invoke "next") (i32.const 1))
        (module $plain (func (export "f") (result i32) (i32.const 7)))
        (module instance $c $plain)
        (assert_return (invoke $c "f") (i32.const 7))
        (module instance $d $no_such)
        (invoke $d "f")"#,
        11,
        &["there is no module $no_such", "there is no instance $d"],
    );
}

#[test]
fn a_definition_runs_nothing() {
    check(
        "(module definition $m (func $f unreachable) (start $f))
        (module instance $m)",
        1,
        &["trap: unreachable"],
    );
}

#[test]
fn nothing_is_run_in_place_of_a_module_that_failed() {
    let script = r#"
        (module $m (func (export "f")))
        (register "m" $m)
        (module $m (import "no" "such" (func)))
        (invoke "f")
        (invoke $m "f")
        (register "m" $m)
        (module (import "m" "f" (func)))"#;
    check(
        script,
        2,
        &[
            "imports that are not defined: \"no\"",
            "there is no instance",
            "there is no instance $m",
            "there is no instance $m",
            "imports that are not defined: \"m\"",
        ],
    );
    let report = report(script, &Settings::new(Default::default()));
    assert_eq!(report.skipped(), 3);
    assert_eq!(report.failures[1].line, 5);
}

#[test]
fn a_registered_name_means_the_last_instance_alone() {
    check(
        r#"(module (func (export "f")) (func (export "g")))
        (register "m")
        (module (import "m" "g" (func)))
        (module (func (export "f")))
        (register "m")
        (module (import "m" "f" (func)))
        (module (import "m" "g" (func)))
        (module (func (export "_start")))
        (register "spectest")
        (module (import "spectest" "print" (func)))"#,
        8,
        &[
            "imports that are not defined: \"m\"",
            "imports that are not defined: \"spectest\"",
        ],
    );
}

#[test]
fn a_guest_that_does_not_end_is_stopped() {
    let mut settings = Settings::new(Default::default());
    settings.timeout = Some(Duration::from_millis(20));
    let script = r#"(module (func (export "spin") (loop (br 0))) (func (export "end")))
        (invoke "spin")
        (assert_trap (invoke "spin") "")
        (module (func $spin (loop (br 0))) (start $spin))"#;
    let report = report(script, &settings);
    assert_eq!(report.passed, 1);
    for failure in &report.failures {
        assert_eq!(failure.reason, "it ran for longer than 20ms");
    }
}

#[test]
fn what_does_not_exist_fails() {
    check(
        r#"(module (func (export "f")) (func (export "g") unreachable))
        (assert_exception (invoke "f"))
        (assert_exception (invoke "g"))
        (assert_suspension (invoke "f") "unhandled")
        (component)"#,
        1,
        &[
            "expected an exception, found no trap",
            "expected an exception, found `trap: unreachable",
            "stack switching is not supported",
            "not supported yet: components",
        ],
    );
}

#[test]
fn threads_have_stores_and_registries_of_their_own() {
    let script = r#"
        (module $m (global (export "g") i32 (i32.const 1)))
        (register "m" $m)
        (thread $a
            (assert_unlinkable (module (import "m" "g" (global i32))) "unknown import")
            (module $m (global (export "g") i32 (i32.const 2)))
            (assert_return (get $m "g") (i32.const 2))
            (module $deep (func $f (export "f") (call $f)))
            (assert_exhaustion (invoke $deep "f") "call stack exhausted"))
        (thread $b
            (assert_return (get $m "g") (i32.const 1)))
        (wait $a)
        (assert_return (get $m "g") (i32.const 1))
        (wait $a)"#;
    check(
        script,
        11,
        &["there is no instance $m", "there is no thread $a"],
    );
    let report = report(script, &Settings::new(Default::default()));
    assert_eq!(
        report.failures[0].line, 11,
        "threads that nobody waits for are counted"
    );
}

#[test]
fn threads_share_memories_and_nothing_else() {
    let script = r#"
        (module $m
            (memory (export "a \"memory\"") 1 2 shared)
            (func (export "load") (result i32) (i32.atomic.load (i32.const 8))))
        (module $memory (memory (export "a \"memory\"") 1 2 shared))
        (module $user
            (memory (import "memory" "a \"memory\"") 1 2 shared)
            (func (export "load") (result i32) (i32.atomic.load (i32.const 8))))
        (thread $a (shared (module $memory))
            (register "memory" $memory)
            (module
                (memory (import "memory" "a \"memory\"") 1 2 shared)
                (func (export "store") (i32.atomic.store (i32.const 8) (i32.const 42))))
            (assert_return (invoke "store")))
        (wait $a)
        (thread $b (shared (module $m)))
        (thread $c (shared (module $no_such)))"#;
    let register = "(register \"memory\" $memory)\n(module $user";
    let script = script.replace("(module $user", register);
    let script = script + "(assert_return (invoke $user \"load\") (i32.const 42))";
    let options = Options {
        features: Features::ALL,
        ..Options::default()
    };
    let report = report(&script, &Settings::new(options));
    let reasons: Vec<_> = report.failures.iter().map(|it| &it.reason[..]).collect();
    let expected = [
        "only shared memories can be shared, not the export \"load\"",
        "there is no instance $no_such",
    ];
    assert_eq!(reasons, expected);
    assert_eq!(report.passed, 10);
}

#[test]
fn artifacts_go_through_files_that_are_removed() {
    let mut settings = Settings::new(Default::default());
    settings.through_files = true;
    let script = r#"
        (module (memory 1) (data (i32.const 0) "\07")
            (func (export "f") (result i32) (i32.load (i32.const 0))))
        (assert_return (invoke "f") (i32.const 7))"#;
    assert_eq!(report(script, &settings).passed, 2);
    let own = format!("precast-wast-{}-", std::process::id());
    let left = std::fs::read_dir(std::env::temp_dir()).unwrap();
    let left = left.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with(&own)
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn a_module_alone_is_a_script() {
    check("(module (func))", 1, &[]);
    check("(func)", 1, &[]);
}

#[test]
fn what_is_no_script_is_refused_with_its_place() {
    let check = |script: &str, expected: (usize, usize)| {
        let error = run(script, &Settings::new(Default::default())).unwrap_err();
        let ScriptError::Syntax { line, column, .. } = error else {
            panic!("{error}");
        };
        assert_eq!((line, column), expected, "{script:?}");
    };
    check("(module)\n  (assert_everything)", (2, 4));
    check("(module", (1, 8));
    check("(module)\n\"open", (2, 6));
    check("(module) (module (func (i32.no)))", (1, 25));
    check(&"(".repeat(100_000), (1, 2));
}

#[test]
fn deep_nesting_needs_no_more_stack_than_there_is() {
    let depth = 10_000;
    let nested = "(block ".repeat(depth) + &")".repeat(depth);
    check(
        &format!(r#"(module (func (export "f") {nested})) (assert_return (invoke "f"))"#),
        2,
        &[],
    );
}
