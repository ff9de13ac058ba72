//! `precast validate`.

use serde_json::{Value, json};

use crate::support::{Scratch, examples, precast};

const BAD_BODY: &str = "(module (func i32.add drop))";

#[test]
fn nothing_is_said_of_valid_modules() {
    let scratch = Scratch::new();
    let binary = examples().join("hello/hello.wasm");
    let text = scratch.file("a.wat", "(module (func))");
    let said = precast(["validate".as_ref(), binary.as_os_str(), text.as_os_str()]).succeeds();
    assert_eq!(said, "");
    let said = precast(["validate", "-"]).stdin("(module)").succeeds();
    assert_eq!(said, "");
    assert_eq!(scratch.names(), ["a.wat"]);
}

#[test]
fn what_exceeds_a_limit_is_told_from_what_is_not_valid() {
    let text = "(module (func) (func (local i32 i32)))";
    let check = |limit: &str, parts: &[&str]| {
        for command in ["validate", "compile"] {
            precast([command, "-", "--compile-limit", limit])
                .stdin(text)
                .fails(1, parts);
        }
    };
    check(
        "functions=1",
        &["too many functions: the limit is 1; raise `functions`"],
    );
    check(
        "types=9,locals=1",
        &["too many locals: the limit is 1; raise `locals`"],
    );
    precast(["validate", "-", "--compile-limit", "functions=2,locals=2"])
        .stdin(text)
        .succeeds();
    precast(["compile", "-", "--compile-timeout", "1us"]).fails(2, &["--compile-timeout"]);
}

#[test]
fn each_module_that_is_not_valid_is_named_with_the_place() {
    let scratch = Scratch::new();
    scratch.file("cut.wasm", b"\0asm\x01\0\0\0\x0d");
    scratch.file("body.wat", BAD_BODY);
    scratch.file("good.wat", "(module)");
    scratch.file("photo.jpg", b"\xff\xd8\xff");
    let names = ["cut.wasm", "good.wat", "nowhere", "body.wat", "photo.jpg"];
    precast(["validate"].into_iter().chain(names))
        .current_dir(&scratch.path(""))
        .fails(
            1,
            &[
                "cut.wasm: not a valid WebAssembly module: ",
                "(at byte offset 0x9)",
                "cannot open nowhere",
                "body.wat (in binary form): not a valid",
                "photo.jpg is neither",
            ],
        );
}

#[test]
fn json_has_a_line_for_each_module() {
    let scratch = Scratch::new();
    let wasm = wat::parse_str(BAD_BODY).unwrap();
    scratch.file("bad.wasm", &wasm);
    scratch.file("good.wat", "(module)");
    let output = precast(["validate", "--json", "bad.wasm", "good.wat", "none"])
        .current_dir(&scratch.path(""))
        .output();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // Where `i32.add` is.
    let offset = wasm.iter().rposition(|&byte| byte == 0x6a).unwrap();
    let bad = &lines[0];
    assert_eq!(bad["file"], "bad.wasm");
    assert_eq!(bad["is_valid"], false);
    assert_eq!(bad["error"]["kind"], "invalid");
    assert_eq!(bad["error"]["wasm_offset"], offset);
    assert_eq!(lines[1], json!({"file": "good.wat", "is_valid": true}));
    assert_eq!(lines[2]["error"]["kind"], "file");
    assert_eq!(lines.len(), 3);
}

#[test]
fn what_modules_may_use_is_a_choice() {
    let simd = "(module (func (drop (v128.const i64x2 0 0))))";
    let check = |args: &[&str]| precast([&["validate", "-"], args].concat()).stdin(simd);
    check(&[]).succeeds();
    check(&["--no-features", "simd"]).fails(1, &["SIMD"]);
    check(&["--no-features", "all", "--features", "wasm1"]).fails(1, &["SIMD"]);
    let threads = "(module (memory 1 1 shared))";
    precast(["validate", "-"]).stdin(threads).fails(1, &[""]);
    precast(["validate", "-", "--features", "threads"])
        .stdin(threads)
        .succeeds();
}

#[test]
fn an_artifact_is_no_module() {
    let scratch = Scratch::new();
    let artifact = scratch.artifact("a.precast", "(module)", &[]);
    precast(["validate".as_ref(), artifact.as_os_str()]).fails(1, &["an artifact already"]);
}
