//! `precast diff`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Call, Scratch, precast};

const BEFORE: &str = "(module
    (import \"env\" \"log\" (func $log (param i32)))
    (import \"env\" \"old\" (func (param i32)))
    (memory (export \"memory\") 1)
    (func $gone nop)
    (func $kept (export \"kept\") (param i32) (call $log (local.get 0)))
    (func $grows (export \"grows\") (result i32) (i32.const 1)))";

const AFTER: &str = "(module
    (import \"env\" \"log\" (func $log (param i32)))
    (memory (export \"memory\") 2)
    (func $kept (export \"kept\") (param i32) (call $log (local.get 0)))
    (func $new (export \"new\\1b[2J\") (drop (memory.grow (i32.const 1))))
    (func $grows (export \"grows\") (result i32)
        (call $kept (i32.const 1)) (call $new) (i32.div_u (i32.const 1) (memory.size))))";

fn diff(options: &[&str], before: &Path, after: &Path) -> Call {
    let mut args = vec!["diff".as_ref()];
    args.extend(options.iter().map(AsRef::<std::ffi::OsStr>::as_ref));
    args.extend([before.as_os_str(), after.as_os_str()]);
    precast(args)
}

/// Makes the call, which must find a difference, and gives what it printed.
#[track_caller]
fn differs(call: Call) -> String {
    let output = call.output();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_same_bytes_are_the_same() {
    let scratch = Scratch::new();
    let a = scratch.artifact("a.precast", BEFORE, &[]);
    let b = scratch.artifact("b.precast", BEFORE, &[]);
    assert!(diff(&[], &a, &b).succeeds().contains("are the same"));
    let report: Value = serde_json::from_str(&diff(&["--json"], &a, &b).succeeds()).unwrap();
    assert_eq!(report["is_same"], true);
    for list in [
        "properties",
        "sections",
        "code",
        "imports",
        "exports",
        "functions",
    ] {
        assert_eq!(report[list], json!([]), "{list}");
    }
    assert_eq!(report["functions_of_same_size"], 3);
}

#[test]
fn what_changed_in_interface_and_size_is_said() {
    let scratch = Scratch::new();
    let options = ["--target", "x86_64-unknown-linux-gnu"];
    let a = scratch.artifact("a.precast", BEFORE, &options);
    let b = scratch.artifact("b.precast", AFTER, &options);
    let report: Value = serde_json::from_str(&differs(diff(&["--json"], &a, &b))).unwrap();
    assert_eq!(report["is_same"], false);
    let old = json!({ "module": "env", "name": "old", "types": ["(func (param i32))", null] });
    assert_eq!(report["imports"], json!([old]));
    let memory = json!({ "module": null, "name": "memory", "types": ["(memory 1)", "(memory 2)"] });
    let new = json!({ "module": null, "name": "new\x1b[2J", "types": [null, "(func)"] });
    assert_eq!(report["exports"], json!([memory, new]));
    // By name, though all indices are others.
    assert_eq!(report["functions_of_same_size"], 1);
    let functions = report["functions"].as_array().unwrap();
    let of = |name: &str| functions.iter().find(|it| it["name"] == name).unwrap();
    assert_eq!(of("grows")["indices"], json!([4, 3]));
    assert_eq!(of("gone")["indices"], json!([2, null]));
    assert_eq!(of("new")["indices"], json!([null, 2]));
    // What the functions and the sections say of their sizes is what inspect says.
    for (side, path) in [&a, &b].into_iter().enumerate() {
        let args = ["inspect".as_ref(), "--json".as_ref(), path.as_os_str()];
        let inspected: Value = serde_json::from_str(&precast(args).succeeds()).unwrap();
        for function in inspected["functions"].as_array().unwrap() {
            let name = function["name"].as_str().unwrap();
            if name != "kept" {
                assert_eq!(
                    of(name)["code_bytes"][side],
                    function["code_bytes"],
                    "{name}"
                );
            }
        }
        let sections = report["sections"].as_array().unwrap();
        let text = sections.iter().find(|it| it["name"] == ".text").unwrap();
        let all = inspected["sections"].as_array().unwrap();
        let expected = all.iter().find(|it| it["name"] == ".text").unwrap();
        assert_eq!(text["bytes"][side], expected["bytes"]);
    }
    let text = differs(diff(&["--top", "1"], &a, &b));
    for part in [
        "\n  - \"env\" \"old\": (func (param i32))\n",
        "\n  - \"memory\": (memory 1)\n  + \"memory\": (memory 2)\n",
        "\n  + \"new\\u{1b}[2J\": (func)\n",
        "functions: 1 added, 1 removed, 1 grown, 0 shrunk, 1 of the same size\n",
        "  2 more, see --top and --json\n",
        " .text\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn what_the_code_was_compiled_for_is_compared() {
    let scratch = Scratch::new();
    let a = scratch.artifact(
        "a.precast",
        BEFORE,
        &["--target", "x86_64-unknown-linux-gnu"],
    );
    let options = [
        "--target",
        "aarch64-unknown-linux-gnu",
        "--memory",
        "checked",
        "--fuel",
    ];
    let b = scratch.artifact("b.precast", BEFORE, &options);
    let text = differs(diff(&[], &a, &b));
    for part in [
        "target\n  - x86_64-unknown-linux\n  + aarch64-unknown-linux\n",
        "memory checked\n  - no\n  + yes\n",
        "fuel\n  - no\n  + yes\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    assert!(!text.contains("imports"), "{text}");
}

#[test]
fn other_contents_of_the_same_size_are_a_difference() {
    let scratch = Scratch::new();
    let module =
        |number| format!("(module (func (export \"f\") (result i32) (i32.const {number})))");
    let a = scratch.artifact("a.precast", &module(5), &[]);
    let b = scratch.artifact("b.precast", &module(6), &[]);
    let text = differs(diff(&[], &a, &b));
    assert!(text.contains("contents  .text\n"), "{text}");
    assert!(
        text.contains("0 grown, 0 shrunk, 1 of the same size\n"),
        "{text}"
    );
}

#[test]
fn trouble_is_told_from_a_difference() {
    let scratch = Scratch::new();
    let a = scratch.artifact("a.precast", BEFORE, &[]);
    diff(&[], &a, &scratch.path("nothing")).fails(2, &["precast: error: ", "nothing"]);
    let module = scratch.file("a.wat", BEFORE);
    diff(&[], &module, &a).fails(2, &["a.wat", "compile it first"]);
    let mut bytes = fs::read(&a).unwrap();
    bytes[4096] ^= 1;
    let damaged = scratch.file("damaged.precast", bytes);
    diff(&[], &a, &damaged).fails(2, &["damaged.precast", "digest", ".text"]);
    precast(["diff", "one"]).fails(2, &["<AFTER>"]);
}
