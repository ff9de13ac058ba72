//! `precast compile` as build systems call it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output};

use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Call, Scratch, examples, precast};

const ADD: &str = "(module (func (export \"add\") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))";
const BAD: &str = "(module (func i32.add drop))";

/// Runs `precast compile` in the directory.
fn compile(scratch: &Scratch, args: &[&str]) -> Call {
    precast([&["compile"], args].concat()).current_dir(&scratch.path(""))
}

fn json_lines(output: &Output) -> Vec<Value> {
    let text = str::from_utf8(&output.stdout).unwrap();
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

#[test]
fn several_modules_go_into_a_directory_or_beside_themselves() {
    let scratch = Scratch::new();
    scratch.file("a.wat", ADD);
    scratch.file("b.wat", "(module)");
    compile(&scratch, &["a.wat", "b.wat"]).succeeds();
    assert_eq!(
        scratch.names(),
        ["a.precast", "a.wat", "b.precast", "b.wat"]
    );
    for directory in ["new/deep/", "new/deep"] {
        compile(&scratch, &["a.wat", "b.wat", "-o", directory]).succeeds();
        let made = scratch.path("new/deep");
        assert_eq!(fs::read_dir(&made).unwrap().count(), 2);
        for name in ["a.precast", "b.precast"] {
            assert_eq!(
                fs::read(made.join(name)).unwrap(),
                fs::read(scratch.path(name)).unwrap()
            );
        }
    }
}

#[test]
fn a_module_that_fails_keeps_no_other_from_being_compiled() {
    let scratch = Scratch::new();
    for (name, text) in [("a.wat", ADD), ("bad.wat", BAD), ("c.wat", ADD)] {
        scratch.file(name, text);
    }
    let args = [
        "a.wat",
        "bad.wat",
        "none",
        "c.wat",
        "-o",
        "out/",
        "--depfile",
        "d",
    ];
    compile(&scratch, &args).fails(
        1,
        &[
            "precast: error: bad.wat",
            "cannot open none",
            "2 of 4 modules failed",
        ],
    );
    assert_eq!(fs::read_dir(scratch.path("out")).unwrap().count(), 2);
    assert_eq!(scratch.names(), ["a.wat", "bad.wat", "c.wat", "out"]);
}

#[test]
fn a_command_that_is_killed_while_it_writes_leaves_nothing() {
    let scratch = Scratch::new();
    let nameless = OFlags::TMPFILE | OFlags::WRONLY;
    if rustix::fs::open(scratch.path(""), nameless, Mode::RUSR).is_err() {
        // This file system has no files without names.
        return;
    }
    fs::copy(examples().join("hello/hello.wasm"), scratch.path("a.wasm")).unwrap();
    let before = scratch.file("a.precast", "before");
    // SIGXFSZ kills what writes more than some kilobytes.
    let limited = "ulimit -c 0; ulimit -f 8; exec \"$0\" compile --quiet a.wasm";
    let status = Command::new("sh")
        .args(["-c", limited, env!("CARGO_BIN_EXE_precast")])
        .current_dir(scratch.path(""))
        .status();
    assert_eq!(status.unwrap().signal(), Some(Signal::XFSZ.as_raw()));
    assert_eq!(fs::read_to_string(before).unwrap(), "before");
    assert_eq!(scratch.names(), ["a.precast", "a.wasm"]);
}

#[test]
fn a_directory_is_not_made_for_nothing() {
    let scratch = Scratch::new();
    scratch.file("bad.wat", BAD);
    compile(&scratch, &["bad.wat", "-o", "out/"]).fails(1, &["bad.wat"]);
    assert_eq!(scratch.names(), ["bad.wat"]);
}

#[test]
fn places_that_cannot_be_are_usage_errors() {
    let scratch = Scratch::new();
    scratch.file("a.wat", ADD);
    scratch.file("b.wat", ADD);
    let check = |args: &[&str], part| compile(&scratch, args).fails(2, &[part]);
    check(&["a.wat", "b.wat", "-o", "c"], "one place for several");
    check(&["a.wat", "b.wat", "-o", "-"], "one place for several");
    check(&["a.wat", "-"], "standard input");
    check(&["a.wat", "./a.wasm"], "two of the modules");
    check(&["a.wat", "--json", "-o", "-"], "--json");
    check(&["a.wat", "--depfile", "d", "-o", "-"], "--depfile");
    check(&["a.wat", "--depfile", "a.precast"], "both a.precast");
    check(&["a.wat", "--quiet", "--verbose"], "--quiet");
    check(&["a.wat", "--emit", "elf"], "artifact, obj, clif, asm, exe");
    assert_eq!(scratch.names(), ["a.wat", "b.wat"]);
}

#[test]
fn no_module_is_replaced_by_what_is_made_of_it_or_another() {
    let scratch = Scratch::new();
    scratch.file("a.wat", ADD);
    scratch.file("b.wat", ADD);
    symlink(scratch.path("b.wat"), scratch.path("a.precast")).unwrap();
    let check = |args: &[&str]| compile(&scratch, args).fails(1, &["would replace the module"]);
    check(&["a.wat", "-o", "./a.wat"]);
    check(&["a.wat", "-o", "out", "--depfile", "./a.wat"]);
    assert_eq!(scratch.names(), ["a.precast", "a.wat", "b.wat"]);
    compile(&scratch, &["a.wat", "b.wat"]).fails(1, &["would replace", "1 of 2 modules failed"]);
    for name in ["a.wat", "b.wat"] {
        assert_eq!(fs::read_to_string(scratch.path(name)).unwrap(), ADD);
    }
}

#[test]
fn what_is_emitted_can_be_read() {
    let scratch = Scratch::new();
    scratch.file("a.wat", ADD);
    let clif = compile(&scratch, &["a.wat", "--emit", "clif", "-o", "-"]).succeeds();
    assert!(
        clif.starts_with(";; add\n") && clif.contains("iadd"),
        "{clif}"
    );
    let target = ["--target", "aarch64-unknown-linux-gnu"];
    let args = [&["a.wat", "--emit", "asm"], target.as_slice()].concat();
    compile(&scratch, &args).succeeds();
    let asm = fs::read_to_string(scratch.path("a.asm")).unwrap();
    assert!(asm.contains("add w"), "{asm}");
    assert_eq!(scratch.names(), ["a.asm", "a.wat"]);
}

#[test]
fn json_says_what_was_made_and_what_is_wrong() {
    let scratch = Scratch::new();
    scratch.file("a.wat", ADD);
    let bad = wat::parse_str(BAD).unwrap();
    scratch.file("bad.wasm", &bad);
    let output = compile(&scratch, &["--json", "a.wat", "bad.wasm"]).output();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let lines = json_lines(&output);
    assert_eq!(lines.len(), 2);
    let bytes = fs::metadata(scratch.path("a.precast")).unwrap().len();
    let made = &lines[0];
    assert_eq!(made["input"], "a.wat");
    assert_eq!(made["output"], "a.precast");
    assert_eq!(made["bytes"], bytes);
    let seconds = made["seconds"].as_object().unwrap();
    for phase in [
        "read", "parse", "plan", "generate", "link", "emit", "write", "total",
    ] {
        assert!(seconds[phase].as_f64().unwrap() >= 0.0, "{phase}");
    }
    assert_eq!(seconds.len(), 8);
    let offset = bad.iter().rposition(|&byte| byte == 0x6a).unwrap();
    assert_eq!(lines[1]["error"]["wasm_offset"], json!(offset));
    assert_eq!(lines[1]["input"], "bad.wasm");
}

#[test]
fn what_is_said_changes_no_byte() {
    let scratch = Scratch::new();
    scratch.file("a.wat", ADD);
    let silent = compile(&scratch, &["a.wat", "--quiet", "-o", "silent"]).succeeds();
    assert_eq!(silent, "");
    let args = ["a.wat", "-v", "--timings", "--json", "-o", "loud"];
    let output = compile(&scratch, &args).output();
    assert!(output.status.success());
    let stderr = String::from_utf8(output.stderr).unwrap();
    for part in ["a.wat: ", " bytes to loud in ", "generate", "total"] {
        assert!(stderr.contains(part), "{stderr}");
    }
    assert_eq!(
        fs::read(scratch.path("silent")).unwrap(),
        fs::read(scratch.path("loud")).unwrap()
    );
}

#[test]
fn a_depfile_has_a_rule_for_each_module() {
    let scratch = Scratch::new();
    for name in ["a b.wat", "c$#:d.wat"] {
        scratch.file(name, ADD);
    }
    let args = ["a b.wat", "c$#:d.wat", "--depfile", "deps.d"];
    compile(&scratch, &args).succeeds();
    let rules = fs::read_to_string(scratch.path("deps.d")).unwrap();
    let expected = "a\\ b.precast: a\\ b.wat\nc$$\\#\\:d.precast: c$$\\#\\:d.wat\n";
    assert_eq!(rules, expected);
    compile(&scratch, &["-", "-o", "x", "--depfile", "x.d"])
        .stdin(ADD)
        .succeeds();
    assert_eq!(fs::read_to_string(scratch.path("x.d")).unwrap(), "x:\n");
}

#[test]
fn make_understands_a_depfile() {
    let scratch = Scratch::new();
    let (input, output) = ("a b$c#d:e\\ f.wat", "a b$c#d:e\\ f.precast");
    scratch.file(input, ADD);
    compile(&scratch, &[input, "--depfile", "deps.d"]).succeeds();
    // Depends on what the depfile says, and on nothing else.
    scratch.file("Makefile", "%.precast:\n\ttouch '$@'\ninclude deps.d\n");
    let question = || {
        let mut make = Command::new("make");
        make.args(["--question", output]);
        make.current_dir(scratch.path("")).output()
    };
    match question() {
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        asked => assert_eq!(asked.unwrap().status.code(), Some(0)),
    }
    let later = fs::metadata(scratch.path(output))
        .unwrap()
        .modified()
        .unwrap()
        + std::time::Duration::from_secs(5);
    let file = fs::File::options().write(true).open(scratch.path(input));
    file.unwrap().set_modified(later).unwrap();
    assert_eq!(question().unwrap().status.code(), Some(1));
}

/// Two functions, of which one gives `number`.
fn version(number: u32) -> String {
    format!("(module (func (param i64)) (func (result i32) (i32.const {number})))")
}

#[test]
fn what_has_not_changed_is_not_compiled_again() {
    let scratch = Scratch::new();
    let cache = scratch.path("kept");
    let args = ["a.wat", "--incremental=kept", "--json", "-v"];
    for (number, reused) in [(1, 0), (1, 2), (2, 1)] {
        scratch.file("a.wat", version(number));
        let output = compile(&scratch, &args).output();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let expected = format!("{reused} of 2 functions reused");
        assert!(stderr.contains(&expected), "{stderr}");
        let made = &json_lines(&output)[0];
        assert_eq!(made["functions"], json!({ "reused": reused, "total": 2 }));
        compile(&scratch, &["a.wat", "-o", "whole"]).succeeds();
        assert_eq!(
            fs::read(scratch.path("a.precast")).unwrap(),
            fs::read(scratch.path("whole")).unwrap()
        );
    }
    let manage =
        |args: &[&str]| precast([&["cache"], args].concat()).env("PRECAST_CACHE_DIR", &cache);
    let list = manage(&["list", "--json"]).succeeds();
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["entries"][0]["kind"], "functions", "{list}");
    let list = manage(&["list"]).succeeds();
    assert!(list.contains("(functions, for --incremental)"), "{list}");
    let verified = manage(&["verify"]).succeeds();
    assert_eq!(verified, "1 entries, 0 of them damaged\n");

    // The same place, by another way; and one that is known by its output.
    let again = compile(&scratch, &["a.wat", "--incremental", "-v"]);
    let output = again.env("PRECAST_CACHE_DIR", &cache).output();
    assert!(String::from_utf8_lossy(&output.stderr).contains("2 of 2 functions"));
    for reused in [0, 2] {
        let args = ["-", "-o", "b", "--incremental=kept", "-v"];
        let output = compile(&scratch, &args).stdin(version(3)).output();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(&format!("{reused} of 2")), "{stderr}");
    }
}

#[test]
fn functions_that_cannot_be_kept_are_a_warning() {
    let scratch = Scratch::new();
    scratch.file("a.wat", version(1));
    scratch.file("file", "");
    let output = compile(&scratch, &["a.wat", "--incremental=file"]).output();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let warning = "precast: warning: functions could not be found or kept: file is not a directory";
    assert!(stderr.contains(warning), "{stderr}");
    assert!(scratch.path("a.precast").exists());
    for args in [
        &["a.wat", "--incremental", "--emit", "asm"][..],
        &["-", "--incremental"],
    ] {
        compile(&scratch, args).fails(2, &["--incremental"]);
    }
}
