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

/// Calls, traps, a runtime symbol, a constant table and a jump table.
const CODE: &str = "(module
    (import \"env\" \"log\" (func $log (param i32)))
    (memory 1) (table 3 3 funcref) (elem (i32.const 0) $first $second $log)
    (type $t (func (param i32)))
    (func $first (param i32) nop)
    (func $second (export \"run\") (param i32)
        (call $log (local.get 0))
        (call $first (i32.const 5))
        (drop (memory.grow (i32.const 1)))
        (call_indirect (type $t) (i32.const 7) (local.get 0)))
    (func $switch (param i32) (result i32)
        (block $c (block $b (block $a (block $z
            (br_table $z $a $b $a $c (local.get 0)))
            (return (i32.load (i32.const 4))))
            (return (i32.const 11)))
            (return (i32.const 12)))
        (i32.div_u (i32.const 4) (local.get 0))))";

const X86_64: [&str; 2] = ["--target", "x86_64-unknown-linux-gnu"];

fn inspect_with<'a>(options: &[&'a str], path: &'a Path) -> crate::support::Call {
    let options = options.iter().map(|&option| option.as_ref());
    let args: Vec<&std::ffi::OsStr> = std::iter::once("inspect".as_ref())
        .chain(options)
        .chain([path.as_os_str()])
        .collect();
    precast(args)
}

#[test]
fn functions_are_listed_with_their_part_of_the_code() {
    let scratch = Scratch::new();
    let artifact = scratch.artifact("a.precast", CODE, &X86_64);
    let report = |options: &[&str]| -> Value {
        let options = [&["--functions", "--json"], options].concat();
        serde_json::from_str(&inspect_with(&options, &artifact).succeeds()).unwrap()
    };
    let names = |report: &Value| -> Vec<String> {
        let functions = report["functions"].as_array().unwrap().iter();
        let names = functions.map(|function| function["name"].as_str().unwrap().to_owned());
        names.collect()
    };
    assert_eq!(
        names(&report(&[])),
        ["second", "switch", "first"],
        "by size"
    );
    let by_index = report(&["--sort", "index"]);
    assert_eq!(names(&by_index), ["first", "second", "switch"]);
    assert_eq!(by_index["functions"][0]["index"], 1);
    let top = report(&["--sort", "name", "--top", "1"]);
    assert_eq!(names(&top), ["first"]);
    assert_eq!(top["count"], 3);
    // The parts are the whole, and the shares of the functions are theirs together.
    let sum = |list: &Value, field: &str| -> f64 {
        let numbers = list.as_array().unwrap().iter();
        numbers.map(|it| it[field].as_f64().unwrap()).sum()
    };
    let all = report(&[]);
    assert_eq!(
        sum(&all["code"], "code_bytes"),
        all["text_bytes"].as_f64().unwrap()
    );
    let functions = all["code"][0]["code_bytes"].as_f64().unwrap();
    assert_eq!(sum(&all["functions"], "code_bytes"), functions);
    let share = functions / all["text_bytes"].as_f64().unwrap();
    assert!((sum(&all["functions"], "share") - share).abs() < 1e-9);
    let counts: Vec<_> = all["code"].as_array().unwrap().iter().collect();
    assert!(
        counts
            .iter()
            .any(|it| it["kind"] == "thunks of imports" && it["count"] == 1)
    );
    // Functions come in the order of the module, and their bodies do.
    let at = |index: usize| {
        by_index["functions"][index]["wasm_offset"]
            .as_u64()
            .unwrap()
    };
    assert!(0 < at(0) && at(0) < at(1) && at(1) < at(2));
    let text = inspect_with(&["--functions", "--top", "1"], &artifact).succeeds();
    assert!(text.contains("  2 more"), "{text}");
}

#[test]
fn machine_code_is_shown_beside_where_it_comes_from_and_what_it_refers_to() {
    let scratch = Scratch::new();
    let artifact = scratch.artifact("a.precast", CODE, &X86_64);
    let text = inspect_with(&["--disasm", "second"], &artifact).succeeds();
    for part in [
        "function 2 second, ",
        "push %rbp\n",
        "# first\n",
        "# precast_memory_grow in .got\n",
        "# constant table 0\n",
        "ud2  # traps: indirect call type mismatch\n",
        "ud2  # traps: undefined element\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    for same in ["2", "run"] {
        let other = inspect_with(&["--disasm", same], &artifact).succeeds();
        assert_eq!(other, text, "by index and by export");
    }
    let thunk = inspect_with(&["--disasm", "precast.thunk.log"], &artifact).succeeds();
    assert!(thunk.contains("a.precast: precast.thunk.log, "), "{thunk}");
}

#[test]
fn jump_tables_are_told_from_code() {
    let scratch = Scratch::new();
    let artifact = scratch.artifact("a.precast", CODE, &X86_64);
    let options = ["--disasm", "switch", "--json"];
    let report: Value =
        serde_json::from_str(&inspect_with(&options, &artifact).succeeds()).unwrap();
    let lines = report["lines"].as_array().unwrap();
    let field = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let is_entry = |line: &&Value| field(line, "text").starts_with(".long ");
    assert_eq!(lines.iter().filter(is_entry).count(), 5);
    // Each leads to an instruction.
    for entry in lines.iter().filter(is_entry) {
        let note = entry["notes"][0].as_str().unwrap();
        let target = u64::from_str_radix(note.trim_start_matches("to 0x"), 16).unwrap();
        let found = lines.iter().find(|line| line["text_offset"] == target);
        let text = field(found.unwrap(), "text");
        assert!(!text.starts_with('.'), "{text}");
    }
    // Nothing is missing, and nothing there twice.
    let mut next = report["text_offset"].as_u64().unwrap();
    for line in lines {
        assert_eq!(line["text_offset"], next);
        next += field(line, "bytes").len() as u64 / 2;
    }
    assert_eq!(
        report["code_bytes"],
        next - report["text_offset"].as_u64().unwrap()
    );
    let division = lines
        .iter()
        .find(|line| field(line, "text").starts_with("div "));
    assert_eq!(
        division.unwrap()["notes"][0],
        "traps: integer divide by zero"
    );
    assert!(division.unwrap()["wasm_offset"].as_u64() > lines[0]["wasm_offset"].as_u64());
}

#[test]
fn constants_and_handlers_of_exceptions_are_shown() {
    let scratch = Scratch::new();
    let text = "(module (tag $e (param i32))
        (func $throws (throw $e (i32.const 1)))
        (func $catches (result i32)
            (block $h (result i32)
                (try_table (catch $e $h) (call $throws)) (i32.const 1)))
        (func $vector (export \"v\") (result v128) (v128.const i32x4 1 2 3 4)))";
    let artifact = scratch.artifact("a.precast", text, &X86_64);
    let catches = inspect_with(&["--disasm", "catches"], &artifact).succeeds();
    let (_, handler) = catches
        .split_once("# throws; exceptions go on at ")
        .unwrap();
    let (handler, _) = handler.split_once('\n').unwrap();
    assert!(catches.contains(&format!(" {handler}  mov ")), "{catches}");
    let vector = inspect_with(&["--disasm", "vector"], &artifact).succeeds();
    let (_, constant) = vector.split_once("# at ").unwrap();
    let (constant, _) = constant.split_once('\n').unwrap();
    let line = format!(" {constant}  .byte 0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00\n");
    assert!(vector.contains(&line), "{vector}");
    let code = json(&artifact)["code"].clone();
    let throwing = code.as_array().unwrap().iter();
    let mut throwing = throwing.filter(|it| it["kind"] == "trampolines that throw");
    assert_eq!(throwing.next().unwrap()["count"], 2);
}

#[test]
fn a_function_whose_code_cannot_be_shown_is_an_error_that_says_why() {
    let scratch = Scratch::new();
    let artifact = scratch.artifact("a.precast", CODE, &X86_64);
    let check = |wanted, parts: &[&str]| {
        inspect_with(&["--disasm", wanted], &artifact).fails(1, parts);
    };
    check("0", &["function 0 is imported"]);
    check("4", &["no function 4", "the module has 4"]);
    check(
        "nowhere",
        &["no function has the name \"nowhere\"", "--functions"],
    );
    check("st", &["a part of: 1 first"]);
    let twins = "(module (func (@name \"a\\1b[2J\")) (func (@name \"a\\1b[2J\")))";
    let twins = scratch.artifact("twins.precast", twins, &X86_64);
    let several = ["several functions", "0 a\\u{1b}[2J, 1 a\\u{1b}[2J"];
    inspect_with(&["--disasm", "a\x1b[2J"], &twins).fails(1, &several);
    let shown = inspect_with(&["--disasm", "1"], &twins).succeeds();
    assert!(shown.contains("function 1 a\\u{1b}[2J, "), "{shown}");
    let options = ["--target", "aarch64-unknown-linux-gnu"];
    let other = scratch.artifact("arm.precast", CODE, &options);
    inspect_with(&["--disasm", "second"], &other).fails(1, &["aarch64", "objdump -d"]);
    inspect_with(&["--functions"], &other).succeeds();
    let module = examples().join("hello/hello.wasm");
    inspect_with(&["--functions"], &module).fails(1, &["compile it first"]);
    inspect_with(&["--top", "3"], &artifact).fails(2, &["--functions"]);
    inspect_with(&["--functions", "--disasm", "1"], &artifact).fails(2, &["--disasm"]);
}

#[test]
fn a_map_is_one_page_whose_data_no_name_can_leave() {
    let scratch = Scratch::new();
    let text = "(module (func $a (export \"</script><script>alert(1)</script><!--@DATA@\")
        (drop (memory.grow (i32.const 1))))
        (func (@name \"</SCRIPT><b>\")) (memory 1) (data (i32.const 8) \"x\"))";
    let artifact = scratch.artifact(
        "</script>.precast".replace('/', "_").as_str(),
        text,
        &X86_64,
    );
    let page = scratch.path("map.html");
    let options = ["--html", page.to_str().unwrap()];
    assert_eq!(inspect_with(&options, &artifact).succeeds(), "");
    let page = fs::read_to_string(&page).unwrap();
    assert_eq!(inspect_with(&["--html", "-"], &artifact).succeeds(), page);
    for (tag, count) in [("<script", 2), ("</script", 2), ("<!--", 0)] {
        assert_eq!(page.to_lowercase().matches(tag).count(), count, "{tag}");
    }
    // The only address is the name of SVG's elements; nothing is asked for.
    assert_eq!(page.matches("://").count(), 1);
    for request in ["src=", "href=", "@import", "url(", "fetch(", "import("] {
        assert!(!page.contains(request), "{request}");
    }
    let (_, data) = page.split_once("type=\"application/json\">").unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    // Each node is as large as its parts, and all are the file.
    fn check(node: &Value, names: &mut Vec<String>) -> u64 {
        names.push(node[0].as_str().unwrap().to_owned());
        let bytes = node[1].as_u64().unwrap();
        if let Some(children) = node[2].as_array() {
            let sum: u64 = children.iter().map(|child| check(child, names)).sum();
            assert_eq!(sum, bytes, "{names:?}");
        }
        bytes
    }
    let mut names = Vec::new();
    assert_eq!(
        check(&data, &mut names),
        fs::metadata(&artifact).unwrap().len()
    );
    for name in ["a", "</SCRIPT><b>", ".text", ".precast.image"] {
        assert!(
            names.iter().any(|it| it == name),
            "{name} is not in {names:?}"
        );
    }
}

#[test]
fn a_long_name_that_many_functions_share_is_not_shown_whole_for_each() {
    let scratch = Scratch::new();
    // Each is the end of the next, so that all are in one string of the artifact.
    let long = "x".repeat(20_000);
    let names = (0..100).map(|more| format!("(func ${long}{})", "x".repeat(more)));
    let text = format!("(module {})", names.collect::<String>());
    let artifact = scratch.artifact("a.precast", &text, &[]);
    assert!(fs::metadata(&artifact).unwrap().len() < 100_000);
    let report = json(&artifact);
    for function in report["functions"].as_array().unwrap() {
        assert_eq!(function["name"], &long[..4096]);
    }
}

#[test]
fn a_map_never_replaces_the_artifact() {
    let scratch = Scratch::new();
    let artifact = scratch.artifact("a.precast", CODE, &X86_64);
    let bytes = fs::read(&artifact).unwrap();
    let options = ["--html", artifact.to_str().unwrap()];
    inspect_with(&options, &artifact).fails(1, &["over the artifact"]);
    assert_eq!(fs::read(&artifact).unwrap(), bytes);
    inspect_with(&["--html", "-", "--json"], &artifact).fails(2, &["--json"]);
}
