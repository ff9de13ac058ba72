//! `precast compile --emit obj`: objects for the system's linker.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Scratch, precast};

const MODULE: &str = r#"(module
    (type $binary (func (param i32 i32) (result i32)))
    (memory 1)
    (table 4 funcref)
    (elem (i32.const 1) $add $sub)
    (func $add (export "add") (type $binary) (i32.add (local.get 0) (local.get 1)))
    (func $sub (type $binary) (i32.sub (local.get 0) (local.get 1)))
    (func (export "apply@@2") (param i32 i32 i32) (result i32)
        (call_indirect (type $binary) (local.get 1) (local.get 2) (local.get 0)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func $fib (export "fib") (param i64) (result i64)
        (if (result i64) (i64.lt_u (local.get 0) (i64.const 2)) (then (local.get 0))
            (else (i64.add (call $fib (i64.sub (local.get 0) (i64.const 1)))
                (call $fib (i64.sub (local.get 0) (i64.const 2))))))))"#;

/// A host by hand: a store context without a limit of the stack, and a vmctx whose parts behind the
/// header nothing here uses.
const HOST: &str = r#"
#include <stdint.h>
#include <stdio.h>

struct store_context { uint64_t stack_limit, others[7]; };
struct vmctx { uint32_t magic, reserved; struct store_context *store; uint64_t others[64]; };
typedef struct { _Alignas(16) int32_t i32; } slot;
typedef struct { uint64_t value, status; } direct_result;

#define EXPORT(name) extern const char wasm_func_##name[]; extern uint8_t wasm_entry_##name( \
    const char *code, struct vmctx *, slot *, struct store_context *)
EXPORT(add);
EXPORT(grow);
EXPORT(apply$40$402);
extern const char wasm_func_fib[];
extern direct_result wasm_direct_fib(const char *code, struct vmctx *, struct store_context *, uint64_t);

int64_t precast_memory_grow(struct vmctx *caller, uint32_t memory, int64_t delta) {
    return caller->magic == 1953721961 && memory == 0 ? 1000 + delta : -1;
}

int main(void) {
    struct store_context store = {0};
    struct vmctx vmctx = {.magic = 1953721961, .store = &store};
    slot slots[3];
#define CALL(name, a, b, c) \
    (slots[0].i32 = a, slots[1].i32 = b, slots[2].i32 = c, \
     wasm_entry_##name(wasm_func_##name, &vmctx, slots, &store) == 1 ? slots[0].i32 : -1)
    printf("%d\n", CALL(add, 40, 2, 0));
    printf("%d\n", CALL(apply$40$402, 1, 40, 2));
    printf("%d\n", CALL(apply$40$402, 2, 40, 2));
    printf("%d\n", CALL(grow, 7, 0, 0));
    printf("%d\n", (int)wasm_direct_fib(wasm_func_fib, &vmctx, &store, 20).value);
    return 0;
}
"#;

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
        assert_eq!(text, "42\n42\n38\n1007\n6765\n", "{object} {how}");
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
    let run = precast(["run", "x.obj"]).current_dir(&scratch.path(""));
    run.fails(1, &["not a precast artifact"]);
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
