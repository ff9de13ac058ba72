//! `precast compile --emit obj`: objects for the system's linker.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Scratch, precast};

const MODULE: &str = include_str!("../../../examples/object/pure.wat");
const HOST: &str = include_str!("../../../examples/object/host.c");
const EXPECTED: &str = include_str!("../../../examples/object/host.expected");

/// Runs a tool of the system's, which must have nothing to say; false if there is none.
fn tool(scratch: &Scratch, name: &Path, args: &[&str]) -> bool {
    let output = Command::new(name)
        .args(args)
        .current_dir(scratch.path(""))
        .output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped: there is no {}", name.display());
            return false;
        }
        output => output.unwrap(),
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{name:?} {args:?}: {said}");
    assert_eq!(said, "", "{name:?} {args:?}");
    true
}

fn emit(scratch: &Scratch, args: &[&str]) {
    scratch.file("a.wat", MODULE);
    let args = [&["compile", "a.wat", "--emit", "obj"], args].concat();
    precast(args).current_dir(&scratch.path("")).succeeds();
}

#[test]
fn a_program_in_c_calls_the_functions_of_an_object() {
    let scratch = Scratch::new();
    emit(&scratch, &[]);
    scratch.file("host.c", HOST);
    let cc = Path::new("cc");
    let strict = ["-Wall", "-Wl,--fatal-warnings", "host.c", "-o", "host"];
    let check = |object: &str, how: &str| {
        if !tool(&scratch, cc, &[&strict[..], &[object, how]].concat()) {
            return false;
        }
        let output = Command::new(scratch.path("host")).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text, EXPECTED, "{object} {how}");
        true
    };
    if !(check("a.o", "-pie") && check("a.o", "-no-pie")) {
        return;
    }
    let shared = ["-Wl,--fatal-warnings", "-shared", "a.o", "-o", "a.so"];
    assert!(tool(&scratch, cc, &shared));
    if tool(
        &scratch,
        "ld".as_ref(),
        &["-r", "--fatal-warnings", "a.o", "-o", "again.o"],
    ) {
        check("again.o", "-pie");
    }
}

/// The linkers for aarch64 that there may be: binutils' and that of the Rust toolchain.
fn aarch64_linkers() -> Vec<PathBuf> {
    let mut linkers = vec![PathBuf::from("aarch64-linux-gnu-ld")];
    let rustc = Command::new("rustc")
        .args(["--print", "target-libdir"])
        .output();
    if let Ok(output) = rustc {
        let libraries = String::from_utf8_lossy(&output.stdout);
        let libraries = Path::new(libraries.trim());
        linkers.push(libraries.with_file_name("bin").join("gcc-ld/ld.lld"));
    }
    linkers
}

#[test]
fn objects_for_aarch64_are_linked_by_what_links_there() {
    let scratch = Scratch::new();
    emit(&scratch, &["--target", "aarch64-unknown-linux-gnu"]);
    for linker in aarch64_linkers() {
        let strict = ["-m", "aarch64linux", "--fatal-warnings", "a.o"];
        let with = |args: &[&str]| tool(&scratch, &linker, &[&strict, args].concat());
        let place = "--defsym=precast_memory_grow=0x401000";
        if with(&[place, "-e", "wasm_func_add", "-o", "program"]) {
            with(&["-shared", "-o", "library.so"]);
            with(&["-r", "-o", "again.o"]);
        }
    }
}

#[test]
fn an_object_is_told_from_an_artifact() {
    let scratch = Scratch::new();
    emit(
        &scratch,
        &["--target", "aarch64-unknown-linux-gnu", "-o", "x.obj"],
    );
    let inspect = |args: &[&str]| {
        let args = [&["inspect"], args, &["x.obj"]].concat();
        precast(args).current_dir(&scratch.path(""))
    };
    let text = inspect(&[]).succeeds();
    for part in [
        "a relocatable object, not an artifact",
        "aarch64-unknown-linux",
        "wasm_entry_apply$40$402",
        "precast_memory_grow",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let report: Value = serde_json::from_str(&inspect(&["--json"]).succeeds()).unwrap();
    assert_eq!(report["kind"], "object");
    assert_eq!(
        report["undefined"],
        serde_json::json!(["precast_memory_grow"])
    );
    inspect(&["--functions"]).fails(1, &["relocatable object", "objdump"]);
}

#[test]
fn objects_are_made_as_artifacts_are() {
    let scratch = Scratch::new();
    scratch.file("b.wat", "(module)");
    emit(&scratch, &["b.wat", "-o", "out/", "--depfile", "d"]);
    let names = ["a.o", "b.o"].map(|name| scratch.path("out").join(name));
    for name in names {
        assert!(fs::read(name).unwrap().starts_with(b"\x7fELF"));
    }
    let rules = fs::read_to_string(scratch.path("d")).unwrap();
    assert_eq!(rules, "out/a.o: a.wat\nout/b.o: b.wat\n");
    emit(&scratch, &["-o", "twice.o"]);
    let [once, twice] = ["out/a.o", "twice.o"].map(|name| fs::read(scratch.path(name)).unwrap());
    assert!(once == twice);
}

#[test]
fn an_object_is_no_artifact_and_no_module() {
    let scratch = Scratch::new();
    emit(&scratch, &[]);
    let object = scratch.path("a.o");
    let object = object.to_str().unwrap();
    for (args, code, other) in [
        (&["run", object][..], 1, "an artifact"),
        (&["diff", object, object], 2, "an artifact"),
        (&["compile", object], 1, "a WebAssembly module"),
    ] {
        let expected = format!("a.o is a relocatable object for the system's linker, not {other}");
        precast(args).fails(code, &[&expected]);
    }
}

#[test]
fn symbols_of_a_strange_object_do_nothing_to_the_terminal() {
    let scratch = Scratch::new();
    emit(&scratch, &[]);
    let mut object = fs::read(scratch.path("a.o")).unwrap();
    let (name, strange) = (b"wasm_entry_", b"\x1b[31m\nwasm_");
    while let Some(at) = object.windows(name.len()).position(|it| it == name) {
        object[at..at + name.len()].copy_from_slice(strange);
    }
    fs::write(scratch.path("a.o"), object).unwrap();
    let call = precast(["inspect", "a.o"]).current_dir(&scratch.path(""));
    let text = call.succeeds();
    assert!(text.contains(r"\u{1b}[31m\nwasm_apply"), "{text:?}");
    assert!(!text.contains('\x1b'), "{text:?}");
}
