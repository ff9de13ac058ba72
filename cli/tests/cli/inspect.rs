//! `precast inspect`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Scratch, descriptor_offset, examples, precast};

fn inspect(path: &Path) -> crate::support::Call {
    precast(["inspect".as_ref(), path.as_os_str()])
}

fn json(path: &Path) -> Value {
    let args = ["inspect".as_ref(), "--json".as_ref(), path.as_os_str()];
    serde_json::from_str(&precast(args).succeeds()).unwrap()
}

#[test]
fn an_artifact_is_described_for_people() {
    let scratch = Scratch::new();
    let hello = scratch.path("hello.precast");
    let args = ["compile", "hello/hello.wasm", "-o", hello.to_str().unwrap()];
    precast(args).succeeds();
    let text = inspect(&hello).succeeds();
    for part in [
        "-unknown-linux",
        "CPU features",
        "format 3, ABI 2, compiler precast",
        "digests       match",
        "runs here     yes",
        ".note.precast",
        ".precast.image",
        "\"wasi_snapshot_preview1\" \"fd_write\": (func (param i32 i32 i32 i32) (result i32))",
        "\"_start\": (func)",
        "\"memory\": (memory ",
        "constant",
        "trap sites",
        "more, see --json",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn json_has_everything() {
    let scratch = Scratch::new();
    let text = "(module $shop
        (import \"env\" \"log\" (func (param i32)))
        (import \"env\" \"base\" (global i32))
        (memory (export \"memory\") 1 3) (data (i32.const 8) \"hello\")
        (table (export \"table\") 2 4 funcref)
        (global (export \"count\") (mut i64) (i64.const 7))
        (func $twice (export \"twice\") (param f64) (result f64)
            (f64.add (local.get 0) (local.get 0)))
        (func (export \"boom\") unreachable))";
    let options = [
        "--target",
        "x86_64-unknown-linux-gnu",
        "--memory",
        "checked",
    ];
    let report = json(&scratch.artifact("shop.precast", text, &options));
    assert_eq!(report["kind"], "artifact");
    assert_eq!(report["module_name"], "shop");
    assert_eq!(report["target"], "x86_64-unknown-linux");
    assert_eq!(report["memory_checked"], true);
    assert_eq!(report["digest_error"], Value::Null);
    assert_eq!(report["imports"][0]["name"], "log");
    assert_eq!(report["imports"][0]["type"], "(func (param i32))");
    assert_eq!(report["imports"][1]["type"], "(global i32)");
    let exports: Vec<_> = report["exports"].as_array().unwrap().iter().collect();
    let types: Vec<_> = exports.iter().map(|export| &export["type"]).collect();
    assert_eq!(types[0], "(memory 1 3)");
    assert_eq!(types[1], "(table 2 4 funcref)");
    assert_eq!(types[2], "(global (mut i64))");
    assert_eq!(types[3], "(func (param f64) (result f64))");
    assert_eq!(report["memories"][0]["image_bytes"], 4096);
    assert_eq!(report["tables"][0]["is_constant"], false);
    assert_eq!(report["functions"][0]["name"], "twice");
    assert_eq!(report["functions"][0]["index"], 1);
    assert!(report["functions"][1]["code_bytes"].as_u64().unwrap() > 0);
    assert_eq!(report["counts"]["functions"], 2);
    assert!(report["counts"]["trap_sites"].as_u64().unwrap() > 0);
    let sections = report["sections"].as_array().unwrap();
    assert!(sections.iter().any(|section| section["name"] == ".text"));
}

#[test]
fn what_the_code_was_compiled_for_and_what_was_kept_is_described() {
    let scratch = Scratch::new();
    let text = "(module (@custom \"producers\" \"rust\") (@custom \".debug_info\" \"\") (func))";
    let artifact = scratch.artifact("a.precast", text, &["--fuel", "--listeners"]);
    let report = json(&artifact);
    assert_eq!(report["fuel"], true);
    assert_eq!(report["listeners"], true);
    let producers = serde_json::json!({ "name": "producers", "bytes": 4 });
    let debug = serde_json::json!({ "name": ".debug_info", "bytes": 0 });
    assert_eq!(
        report["custom_sections"],
        serde_json::json!([producers, debug])
    );
    let text_of = inspect(&artifact).succeeds();
    for part in [
        "fuel          counted",
        "listeners     told",
        "         4  producers\n",
    ] {
        assert!(text_of.contains(part), "{part:?} is not in:\n{text_of}");
    }
    let options = ["--custom-sections", "no-debug"];
    let report = json(&scratch.artifact("a.precast", text, &options));
    assert_eq!(report["custom_sections"], serde_json::json!([producers]));
    assert_eq!(report["fuel"], false);
    assert_eq!(report["listeners"], false);
}

#[test]
fn an_artifact_for_another_machine_is_described() {
    let scratch = Scratch::new();
    let other = match std::env::consts::ARCH {
        "aarch64" => "x86_64",
        _ => "aarch64",
    };
    let target = format!("{other}-unknown-linux-gnu");
    let artifact = scratch.artifact("a.precast", "(module)", &["--target", &target]);
    let text = inspect(&artifact).succeeds();
    assert!(text.contains(&format!("target        {other}-unknown-linux")));
    assert!(text.contains("runs here     no\n"), "{text}");
    assert!(text.contains("target: the artifact is for"), "{text}");
}

#[test]
fn of_an_artifact_of_another_version_the_rest_is_said() {
    let scratch = Scratch::new();
    let options = ["--target", "aarch64-unknown-linux-gnu"];
    let artifact = scratch.artifact("a.precast", "(module)", &options);
    let mut bytes = fs::read(&artifact).unwrap();
    let descriptor = descriptor_offset(&bytes);
    bytes[descriptor] = 77;
    fs::write(&artifact, &bytes).unwrap();
    let report = json(&artifact);
    assert_eq!(report["target"], "aarch64-unknown-linux");
    assert_eq!(report["page_bytes"], 16_384);
    assert!(report["differences"][0].as_str().unwrap().contains("77"));
    let text = inspect(&artifact).succeeds();
    assert!(
        text.contains("format version: the artifact has 77"),
        "{text}"
    );
}

#[test]
fn a_module_is_told_from_an_artifact() {
    let text = precast(["inspect", "hello/hello.wasm"]).succeeds();
    assert!(text.contains("module in binary form"), "{text}");
    assert!(text.contains("precast compile hello/hello.wasm"), "{text}");
    assert_eq!(json(&examples().join("fib/fib.wat"))["is_text"], true);
}

#[test]
fn damage_is_named_with_section_and_offset() {
    let scratch = Scratch::new();
    let artifact = scratch.artifact("a.precast", "(module (func (export \"f\")))", &[]);
    let bytes = fs::read(&artifact).unwrap();

    let cut = scratch.file("cut.precast", &bytes[..bytes.len() - 100]);
    inspect(&cut).fails(1, &["cut.precast", "damaged artifact", "offset 0x"]);

    let mut changed = bytes.clone();
    changed[descriptor_offset(&bytes) + 40] ^= 1;
    let changed = scratch.file("changed.precast", changed);
    inspect(&changed).fails(1, &["damaged artifact", ".note.precast"]);

    let elf = fs::read(env!("CARGO_BIN_EXE_precast")).unwrap();
    let elf = scratch.file("elf", &elf[..4096]);
    inspect(&elf).fails(1, &["not a precast artifact"]);

    // Changed code is found by its digest only, so that all the rest is still said.
    let mut changed = bytes;
    changed[4096] ^= 1;
    let changed = scratch.file("code.precast", changed);
    let output = inspect(&changed).output();
    assert_eq!(output.status.code(), Some(1));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("digests       do not match: "), "{stdout}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("digest") && stderr.contains(".text"),
        "{stderr}"
    );
}

#[test]
fn readers_that_leave_early_are_no_error() {
    let scratch = Scratch::new();
    let artifact = scratch.artifact("a.precast", "(module)", &[]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_precast"))
        .args(["inspect".as_ref(), artifact.as_os_str()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
