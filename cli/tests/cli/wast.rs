//! `precast wast`.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Scratch, precast};

const PASSES: &str = r#"
    (module (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))
    (assert_return (invoke "add" (i32.const 40) (i32.const 2)) (i32.const 42))"#;

const FAILS: &str = r#"(module (func (export "one") (result i32) (i32.const 1)))
(assert_return (invoke "one") (i32.const 2))
(assert_return (invoke "one") (i32.const 1))
(module $absent (import "no" "such" (func)))
(invoke $absent "f")
"#;

const UNSUPPORTED: &str = r#"(module (type (struct)))
(assert_invalid (module (type (struct))) "anything")
"#;

const NO_SCRIPT: &str = "(module)\n  (assert_everything)";

/// What it printed, having ended with `code` and nothing to say on standard error.
#[track_caller]
fn printed(output: &Output, code: i32) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(code));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_script_that_passes_is_a_line_and_a_total() {
    let scratch = Scratch::new();
    let script = scratch.file("a.wast", PASSES);
    let expected = format!(
        "{}: 2 passed, 0 failed, 0 skipped\ntotal: 2 passed, 0 failed, 0 skipped\n",
        script.display()
    );
    let check = |options: &[&str]| {
        let args = [&["wast", script.to_str().unwrap()], options].concat();
        assert_eq!(precast(args).succeeds(), expected, "{options:?}");
    };
    check(&[]);
    check(&["-O0", "--memory", "checked", "--cpu", "native", "-j2"]);
    check(&["-Os", "--through-files", "--timeout", "5"]);
    let stdin = precast(["wast", "-"]).stdin(PASSES).succeeds();
    assert!(stdin.starts_with("standard input: 2 passed, 0 failed, 0 skipped\n"));
}

#[test]
fn failures_are_listed_with_place_and_reason() {
    let scratch = Scratch::new();
    let script = scratch.file("a.wast", FAILS);
    let output = precast(["wast".as_ref(), script.as_os_str()]).output();
    let file = script.display();
    let expected = format!(
        "{file}: 2 passed, 2 failed, 1 skipped
  {file}:2:2: expected (i32.const 2), found (i32.const 1)
  {file}:4:2: imports that are not defined: \"no\" \"such\": (func)
  {file}:5:2: there is no instance $absent
total: 2 passed, 2 failed, 1 skipped
"
    );
    assert_eq!(printed(&output, 1), expected);
}

#[test]
fn what_is_not_supported_has_not_passed() {
    let scratch = Scratch::new();
    let script = scratch.file("a.wast", UNSUPPORTED);
    let output = precast(["wast".as_ref(), script.as_os_str()]).output();
    let text = printed(&output, 1);
    assert!(text.contains(": 0 passed, 2 failed, 0 skipped\n"), "{text}");
    assert!(text.contains(":1:2: not supported yet: "), "{text}");
    assert!(text.contains(":2:2: expected an invalid module"), "{text}");
}

#[test]
fn a_script_that_does_not_parse_is_one_failure_and_the_others_go_on() {
    let scratch = Scratch::new();
    scratch.file("a.wast", NO_SCRIPT);
    scratch.file("b.wast", b"(module)\n\xff");
    scratch.file("c.wast", PASSES);
    let output = precast(["wast", "a.wast", "b.wast", "c.wast"])
        .current_dir(&scratch.path(""))
        .output();
    let text = printed(&output, 1);
    let expected = [
        "a.wast: 0 passed, 1 failed, 0 skipped",
        "  a.wast:2:4: not a script: ",
        "b.wast: 0 passed, 1 failed, 0 skipped",
        "  b.wast:2:1: not a script: text that is not UTF-8",
        "c.wast: 2 passed, 0 failed, 0 skipped",
        "total: 2 passed, 2 failed, 0 skipped",
    ];
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{text}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{text}");
    }
}

#[test]
fn of_a_directory_all_scripts_below_are_run_sorted() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("suite/inner")).unwrap();
    for name in ["suite/b.wast", "suite/inner/a.wast", "suite/a.wast"] {
        scratch.file(name, PASSES);
    }
    scratch.file("suite/a.wat", "no module");
    let text = precast(["wast", "suite"])
        .current_dir(&scratch.path(""))
        .succeeds();
    let files = text.lines().filter_map(|line| line.split(':').next());
    let files: Vec<&str> = files.collect();
    let expected = [
        "suite/a.wast",
        "suite/b.wast",
        "suite/inner/a.wast",
        "total",
    ];
    assert_eq!(files, expected);
}

#[test]
fn only_the_first_failures_are_listed_unless_all_are_asked_for() {
    let scratch = Scratch::new();
    let script = "(invoke \"f\")\n".repeat(12) + "(module (type (struct)))";
    let script = scratch.file("a.wast", script);
    let script = script.to_str().unwrap();
    let text = printed(&precast(["wast", script]).output(), 1);
    // First what may be the cause of others.
    assert!(text.lines().nth(1).unwrap().contains(":13:2: "), "{text}");
    assert!(
        text.contains("\n  and 3 more, which --all-failures prints\n"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 13);
    let text = printed(&precast(["wast", "--all-failures", script]).output(), 1);
    assert_eq!(text.lines().count(), 15);
}

#[test]
fn json_has_all_failures() {
    let scratch = Scratch::new();
    scratch.file("a.wast", FAILS);
    scratch.file("b.wast", PASSES);
    let output = precast(["wast", "--json", "a.wast", "b.wast"])
        .current_dir(&scratch.path(""))
        .output();
    let found: Value = serde_json::from_str(&printed(&output, 1)).unwrap();
    let expected = json!({
        "files": [
            {
                "file": "a.wast",
                "passed": 2,
                "failed": 2,
                "skipped": 1,
                "failures": [
                    {
                        "line": 2,
                        "column": 2,
                        "skipped": false,
                        "reason": "expected (i32.const 2), found (i32.const 1)",
                    },
                    {
                        "line": 4,
                        "column": 2,
                        "skipped": false,
                        "reason": "imports that are not defined: \"no\" \"such\": (func)",
                    },
                    {
                        "line": 5,
                        "column": 2,
                        "skipped": true,
                        "reason": "there is no instance $absent",
                    },
                ],
            },
            { "file": "b.wast", "passed": 2, "failed": 0, "skipped": 0, "failures": [] },
        ],
        "passed": 4,
        "failed": 2,
        "skipped": 1,
    });
    assert_eq!(found, expected);
}

#[test]
fn artifacts_go_through_files_if_that_is_wanted() {
    let scratch = Scratch::new();
    let script = scratch.file("a.wast", PASSES);
    let call = |options: &[&str]| {
        let args = [&["wast", script.to_str().unwrap()], options].concat();
        precast(args).env("TMPDIR", "/no/such/directory")
    };
    call(&[]).succeeds();
    let text = printed(&call(&["--through-files"]).output(), 1);
    assert!(
        text.contains("cannot write an artifact to a temporary file: "),
        "{text}"
    );
}

#[test]
fn a_guest_that_does_not_end_is_stopped() {
    let scratch = Scratch::new();
    let script = r#"(module (func (export "spin") (loop (br 0)))) (invoke "spin")"#;
    let script = scratch.file("a.wast", script);
    let output = precast(["wast", "--timeout", "100ms", script.to_str().unwrap()]).output();
    let text = printed(&output, 1);
    assert!(text.contains("it ran for longer than 100ms"), "{text}");
}

#[test]
fn scripts_cannot_control_the_terminal() {
    let script = r#"(module) (register "a\u{1b}[31m\nb") (invoke "f\u{1b}[31m\ng")"#;
    let output = precast(["wast", "-"]).stdin(script).output();
    let text = printed(&output, 1);
    assert!(!text.contains('\x1b'), "{text}");
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn files_that_are_not_there_are_errors() {
    let scratch = Scratch::new();
    let call = |args: &[&str]| precast(args).current_dir(&scratch.path(""));
    call(&["wast", "no.wast"]).fails(1, &["precast: error: cannot open no.wast"]);
    call(&["wast", "."]).fails(1, &["there is no *.wast below ."]);
    call(&["wast"]).fails(2, &["<FILE>"]);
    call(&["wast", "a.wast", "--timeout", "0"]).fails(2, &["--timeout"]);
}
