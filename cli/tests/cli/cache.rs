//! The cache of `precast run`, and `precast cache`.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::Value;

use crate::support::{Call, Scratch, precast};

const ANSWER: &str = r#"(module (func (export "answer") (result i32) (i32.const 42)))"#;
const TRAP: &str = r#"(module (func $boom (export "_start") (unreachable)))"#;

fn answer(cache: &Path) -> Call {
    let args = ["run", "--invoke", "answer", "-"];
    precast(args).stdin(ANSWER).env("PRECAST_CACHE_DIR", cache)
}

fn manage(cache: &Path, args: &[&str]) -> Call {
    precast(["cache"].iter().chain(args)).env("PRECAST_CACHE_DIR", cache)
}

fn list(cache: &Path) -> Value {
    serde_json::from_str(&manage(cache, &["list", "--json"]).succeeds()).unwrap()
}

/// The one entry.
fn entry(cache: &Path) -> PathBuf {
    let list = list(cache);
    let entries = list["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{list}");
    entries[0]["path"].as_str().unwrap().into()
}

/// Changes a byte of the text that says what `.text` is called in the file.
fn damage(entry: &Path) {
    let mut bytes = fs::read(entry).unwrap();
    let name = b"\0.text\0";
    let at = bytes.windows(name.len()).position(|part| part == name);
    bytes[at.unwrap() + 2] ^= 1;
    fs::remove_file(entry).unwrap();
    fs::write(entry, bytes).unwrap();
}

#[track_caller]
fn answers_with_warning(output: &Output, warning: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(output.stdout, b"42\n");
    assert!(stderr.contains("precast: warning: "), "{stderr}");
    assert!(stderr.contains(warning), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_module_is_compiled_once() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    assert_eq!(answer(&cache).succeeds(), "42\n");
    let first = entry(&cache);
    let made = fs::metadata(&first).unwrap().created().ok();
    assert_eq!(answer(&cache).succeeds(), "42\n");
    assert_eq!(entry(&cache), first);
    assert_eq!(fs::metadata(&first).unwrap().created().ok(), made);
}

#[test]
fn what_is_found_is_what_runs() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    answer(&cache).succeeds();
    let other = scratch.artifact(
        "other.precast",
        &ANSWER.replace("42", "43"),
        &["--cpu", "native"],
    );
    let entry = entry(&cache);
    fs::remove_file(&entry).unwrap();
    fs::copy(other, &entry).unwrap();
    assert_eq!(answer(&cache).succeeds(), "43\n");
}

#[test]
fn without_a_cache_nothing_is_kept() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    let args = ["run", "--no-cache", "--invoke", "answer", "-"];
    let call = precast(args).stdin(ANSWER).env("PRECAST_CACHE_DIR", &cache);
    assert_eq!(call.succeeds(), "42\n");
    assert!(!cache.exists());
    // Nowhere to keep anything, and nothing to be said about it.
    let args = ["run", "--invoke", "answer", "-"];
    assert_eq!(precast(args).stdin(ANSWER).env_clear().succeeds(), "42\n");
}

#[test]
fn an_option_names_the_directory() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    let directory = cache.to_str().unwrap();
    let args = ["run", "--cache-dir", directory, "--invoke", "answer", "-"];
    precast(args).stdin(ANSWER).succeeds();
    entry(&cache);
    let path = precast(["cache", "path", "--cache-dir", directory]).succeeds();
    assert_eq!(path, format!("{directory}\n"));
}

#[test]
fn what_is_wrong_with_the_directory_is_a_warning() {
    let scratch = Scratch::new();
    let file = scratch.file("file", "");
    answers_with_warning(&answer(&file).output(), "is not a directory");
    let open = scratch.path("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    answers_with_warning(&answer(&open).output(), "can be written by other users");
    let small = scratch.path("small");
    let call = precast(["run", "--cache-size", "1", "--invoke", "answer", "-"]);
    let output = call.stdin(ANSWER).env("PRECAST_CACHE_DIR", &small).output();
    answers_with_warning(&output, "the limit is 1,");
}

#[test]
fn a_limit_on_the_size_of_files_leaves_nothing_half_written() {
    let scratch = Scratch::new();
    let module = scratch.file("answer.wat", ANSWER);
    let cache = scratch.path("cache");
    // In units of 512 or 1024 bytes; an artifact has pages.
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 4; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_precast"))
        .args(["run", "--invoke", "answer"])
        .arg(module)
        .env("PRECAST_CACHE_DIR", &cache)
        .output();
    // How it ends does not matter: code in memory may have no more bytes than a file.
    let output = output.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("warning: "), "{stderr}");
    assert!(stderr.contains("file too large"), "{stderr}");
    let left = fs::read_dir(&cache).unwrap();
    let left: Vec<_> = left.map(|it| it.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "lock"), "{left:?}");
}

#[test]
fn an_entry_that_cannot_be_loaded_is_compiled_anew() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    answer(&cache).succeeds();
    damage(&entry(&cache));
    answers_with_warning(&answer(&cache).output(), "compiled anew");
    assert_eq!(answer(&cache).succeeds(), "42\n");
}

#[test]
fn a_module_in_the_cache_is_called_as_its_file() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    let file = scratch.file("bomb.wat", TRAP);
    for _ in 0..2 {
        let call = precast(["run".as_ref(), file.as_os_str()]);
        let call = call.env("PRECAST_CACHE_DIR", &cache);
        call.fails(134, &["bomb!boom"]);
    }
}

#[test]
fn an_invalid_module_is_an_error_and_leaves_nothing() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    let call = precast(["run", "-"]).stdin(*b"\0asm\x01\0\0\0\x0d");
    let call = call.env("PRECAST_CACHE_DIR", &cache);
    call.fails(1, &["standard input: not a valid WebAssembly module"]);
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
}

#[test]
fn the_cache_can_be_listed_and_cleared() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    let nothing = manage(&cache, &["list"]).succeeds();
    assert!(nothing.contains("in 0 entries"), "{nothing}");
    assert!(!cache.exists());
    answer(&cache).succeeds();
    let found = list(&cache);
    let bytes = fs::metadata(entry(&cache)).unwrap().len();
    assert_eq!(found["bytes"], bytes);
    let text = manage(&cache, &["list"]).succeeds();
    let key = found["entries"][0]["key"].as_str().unwrap();
    assert!(text.contains(key), "{text}");
    let kept = manage(&cache, &["prune"]).succeeds();
    assert_eq!(kept, "0 entries removed, 0 bytes\n");
    let pruned = manage(&cache, &["prune", "--size", "1", "--json"]).succeeds();
    let pruned: Value = serde_json::from_str(&pruned).unwrap();
    assert_eq!(pruned["removed_bytes"], bytes);
    answer(&cache).succeeds();
    let cleared = manage(&cache, &["clear"]).succeeds();
    assert_eq!(cleared, format!("1 entries removed, {bytes} bytes\n"));
}

#[test]
fn verification_removes_what_is_damaged() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    answer(&cache).succeeds();
    let verified = manage(&cache, &["verify"]).succeeds();
    assert_eq!(verified, "1 entries, 0 of them damaged\n");
    damage(&entry(&cache));
    let output = manage(&cache, &["verify", "--json"]).output();
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["damaged"][0]["removed"], true, "{report}");
    let verified = manage(&cache, &["verify"]).succeeds();
    assert_eq!(verified, "0 entries, 0 of them damaged\n");
}

#[test]
fn a_module_that_changes_keeps_its_functions() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    let file = scratch.path("app.wat");
    for answer in [41, 42, 41] {
        let text = ANSWER.replace("42", &answer.to_string());
        fs::write(&file, text).unwrap();
        let app = file.to_str().unwrap();
        let run = precast(["run", "--incremental", "--invoke", "answer", app]);
        let said = run.env("PRECAST_CACHE_DIR", &cache).succeeds();
        assert_eq!(said, format!("{answer}\n"));
    }
    let list = list(&cache);
    let entries = list["entries"].as_array().unwrap();
    let of = |kind| entries.iter().filter(|it| it["kind"] == kind).count();
    assert_eq!((of("artifact"), of("functions")), (2, 1), "{list}");
}

/// Many processes with many modules, of which some are killed wherever they are, and too little
/// room for all.
#[test]
fn whoever_is_not_killed_gets_what_the_module_says() {
    const MODULES: usize = 12;
    const LIMIT: u64 = 60_000;
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    let limit = LIMIT.to_string();
    let run = |number: usize, kill: bool| {
        let args = ["run", "--cache-size", &limit, "--invoke", "answer", "-"];
        let mut command = precast(args)
            .env("PRECAST_CACHE_DIR", &cache)
            .into_command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let text = ANSWER.replace("42", &number.to_string());
        let stdin = child.stdin.take().unwrap();
        { stdin }.write_all(text.as_bytes()).unwrap();
        if kill {
            // Others run meanwhile, so that this is at another place each time.
            (0..number).for_each(|_| thread::yield_now());
            child.kill().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        if output.status.signal().is_none() {
            assert_eq!(output.stdout, format!("{number}\n").as_bytes());
            assert!(output.status.success());
        } else {
            assert!(kill);
        }
    };
    thread::scope(|scope| {
        for start in 0..8 {
            let run = &run;
            scope.spawn(move || {
                for step in 0..MODULES {
                    run((start + 5 * step) % MODULES, (start + step) % 3 == 0);
                }
            });
        }
    });
    assert!(list(&cache)["bytes"].as_u64().unwrap() <= LIMIT);
    manage(&cache, &["verify"]).succeeds();
    manage(&cache, &["clear"]).succeeds();
    let left: Vec<_> = fs::read_dir(&cache).unwrap().collect();
    assert_eq!(left.len(), 1, "but for the directory's lock: {left:?}");
}

#[test]
fn a_place_for_the_cache_must_be_known_to_manage_it() {
    let call = precast(["cache", "list"]).env_clear();
    call.fails(1, &["no place for a cache", "PRECAST_CACHE_DIR"]);
}
