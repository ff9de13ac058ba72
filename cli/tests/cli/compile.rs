//! `precast compile`.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::support::{Scratch, examples, precast};

const ADD: &str = "(module (func (export \"add\") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))";

#[test]
fn the_artifact_stands_beside_the_module() {
    let scratch = Scratch::new();
    let module = scratch.path("hello.wasm");
    fs::copy(examples().join("hello/hello.wasm"), &module).unwrap();
    precast(["compile".as_ref(), module.as_os_str()]).succeeds();
    assert_eq!(scratch.names(), ["hello.precast", "hello.wasm"]);
    let artifact = fs::read(scratch.path("hello.precast")).unwrap();
    assert!(artifact.starts_with(b"\x7fELF"));
}

#[test]
fn standard_streams_and_files_give_the_same_bytes() {
    let scratch = Scratch::new();
    let file = scratch.artifact("add.precast", ADD, &["-j1"]);
    for args in [
        ["compile", "-", "-j2"].as_slice(),
        &["compile", "-", "-o", "-"],
    ] {
        let bytes = precast(args).stdin(ADD).succeeds_with_bytes();
        assert_eq!(bytes, fs::read(&file).unwrap());
    }
}

#[test]
fn neither_threads_nor_places_change_the_bytes() {
    let source = examples().join("wordcount/wordcount.wasm");
    let artifacts =
        [("here", "a.wasm", "-j1"), ("there", "b.wasm", "-j2")].map(|(folder, name, threads)| {
            let scratch = Scratch::new();
            let folder = scratch.path(folder);
            fs::create_dir(&folder).unwrap();
            fs::copy(&source, folder.join(name)).unwrap();
            precast(["compile", name, threads, "-o", "out"])
                .current_dir(&folder)
                .succeeds();
            fs::read(folder.join("out")).unwrap()
        });
    assert!(artifacts[0] == artifacts[1]);
}

#[test]
fn all_options_are_taken() {
    let scratch = Scratch::new();
    for level in ["-O0", "-O1", "-O2", "-Os", "-O 2", "-O0 -Os"] {
        let options: Vec<&str> = level.split(' ').collect();
        scratch.artifact("a.precast", ADD, &options);
    }
    for cpu in ["x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"] {
        let target = "x86_64-unknown-linux-gnu";
        scratch.artifact("a.precast", ADD, &["--target", target, "--cpu", cpu]);
    }
    let arm = ["--target", "aarch64-unknown-linux-gnu", "--cpu", "armv8-a"];
    scratch.artifact("a.precast", ADD, &arm);
    scratch.artifact("a.precast", ADD, &["--cpu", "native"]);
    scratch.artifact("a.precast", ADD, &["--memory", "checked", "-j", "2"]);
    scratch.artifact("a.precast", ADD, &["--fuel", "--listeners"]);
    scratch.artifact("a.precast", ADD, &["--deterministic"]);
    for which in ["all", "no-debug", "none"] {
        scratch.artifact("a.precast", ADD, &["--custom-sections", which]);
    }
    assert_eq!(scratch.names(), ["a.precast"]);
}

#[test]
fn what_is_no_module_is_named_with_the_place() {
    let scratch = Scratch::new();
    let check = |name: &str, bytes: &[u8], parts: &[&str]| {
        let path = scratch.file(name, bytes);
        let mut all = vec!["precast: error: ", name];
        all.extend(parts);
        precast(["compile".as_ref(), path.as_os_str()]).fails(1, &all);
    };
    check("empty.wasm", b"", &["is empty"]);
    check(
        "photo.wasm",
        b"\xff\xd8\xff\xe0",
        &["byte offset 0x0", "\\xff\\xd8\\xff\\xe0"],
    );
    check("notes.txt", b"hello", &["neither", "`hell`"]);
    check("cut.wasm", b"\0asm\x01\0", &["byte offset 0x"]);
    check(
        "wrong.wasm",
        b"\0asm\x01\0\0\0\x01\x02\x01\x00",
        &["byte offset 0xb"],
    );
    check("a.wat", b"(module\n  (func (param i33)))", &["a.wat:2:16"]);
    check(
        "latin.wat",
        b"(module (; \xe9 ;))",
        &["not UTF-8", "byte offset 0xb"],
    );
    check(
        "invalid.wat",
        b"(module (func i32.add drop))",
        &["in binary form", "offset"],
    );
    check(
        "struct.wat",
        b"(module (type (struct)))",
        &["not supported yet: garbage collection", "offset"],
    );
    check(
        "elf.wasm",
        b"\x7fELF\x02\x01\x01\0",
        &["an ELF file, not a WebAssembly module"],
    );
    assert!(
        scratch
            .names()
            .iter()
            .all(|name| !name.ends_with(".precast"))
    );

    let artifact = scratch.artifact("a.precast", ADD, &[]);
    precast(["compile".as_ref(), artifact.as_os_str()]).fails(1, &["an artifact already"]);
    precast(["compile", "nowhere.wasm"]).fails(1, &["cannot open nowhere.wasm", "No such file"]);
    precast(["compile", "hello"]).fails(1, &["hello is a directory"]);
}

#[test]
fn a_failure_leaves_what_was_there() {
    let scratch = Scratch::new();
    let module = scratch.file("a.wat", "(module (func i32.add drop))");
    let artifact = scratch.file("a.precast", "before");
    precast(["compile".as_ref(), module.as_os_str()]).fails(1, &["a.wat"]);
    assert_eq!(fs::read(&artifact).unwrap(), b"before");
    assert_eq!(scratch.names(), ["a.precast", "a.wat"]);
}

#[test]
fn an_artifact_is_replaced_and_not_rewritten() {
    let scratch = Scratch::new();
    let module = scratch.file("a.wat", ADD);
    let artifact = scratch.file("a.precast", "before");
    fs::hard_link(&artifact, scratch.path("mapped")).unwrap();
    symlink(&artifact, scratch.path("link")).unwrap();
    let output = scratch.path("link");
    let args = ["compile".as_ref(), module.as_os_str(), "-o".as_ref()];
    precast(args.into_iter().chain([output.as_os_str()])).succeeds();
    assert_eq!(fs::read(scratch.path("mapped")).unwrap(), b"before");
    assert!(fs::read(&artifact).unwrap().starts_with(b"\x7fELF"));
    assert!(fs::symlink_metadata(&output).unwrap().is_symlink());
    assert_eq!(scratch.names(), ["a.precast", "a.wat", "link", "mapped"]);
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let scratch = Scratch::new();
    let check = |output: &str, parts: &[&str]| {
        let output = scratch.path(output);
        let args = ["compile".as_ref(), "-".as_ref(), "-o".as_ref()];
        let call = precast(args.into_iter().chain([output.as_os_str()])).stdin(ADD);
        call.fails(1, &[&["cannot write"], parts].concat());
    };
    check("", &["it is a directory"]);
    check("none/a.precast", &["none is not a directory"]);
    check(&"x".repeat(300), &["File name too long"]);
    assert!(scratch.names().is_empty());
    precast(["compile", "-", "-o", "/dev/full"])
        .stdin(ADD)
        .fails(1, &["cannot write /dev/full", "No space left"]);
    precast(["compile", "-", "-o", "/dev/null"])
        .stdin(ADD)
        .succeeds();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());

    // Whoever may do anything may write here, too.
    let locked = scratch.path("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(locked.join("probe"), "").is_err() {
        check("locked/a.precast", &["Permission denied"]);
    }
}

#[test]
fn a_module_is_not_replaced_by_its_artifact() {
    let scratch = Scratch::new();
    let module = scratch.file("a.precast", ADD);
    precast(["compile".as_ref(), module.as_os_str()]).fails(1, &["would replace the module"]);
    assert_eq!(fs::read(&module).unwrap(), ADD.as_bytes());
}
