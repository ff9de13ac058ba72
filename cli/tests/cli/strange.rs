//! Files and words that nobody expects: an error says what is wrong, in lines of precast's own.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;

use crate::support::{Scratch, precast};

const INVALID: &str = "(module (func i32.add drop))";

/// The commands that read a module or a script.
const READERS: [&str; 4] = ["compile", "run", "inspect", "wast"];

#[test]
fn a_name_cannot_forge_a_message() {
    let scratch = Scratch::new();
    let name = OsStr::from_bytes(b"a\nprecast: error: b\x1b[31m\xff.wat");
    fs::write(scratch.path("").join(name), INVALID).unwrap();
    let shown = r"a\nprecast: error: b\u{1b}[31m\xff.wat";
    for command in READERS {
        let call = precast([OsStr::new(command), name]).current_dir(&scratch.path(""));
        let output = call.output();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(text.contains(shown), "{command}: {text}");
        let is_control = |char: char| char.is_control() && char != '\n';
        assert!(!text.contains(is_control), "{command}: {text:?}");
        let is_forged = |line: &str| line.starts_with("precast: error: b");
        assert!(!text.lines().any(is_forged), "{command}: {text}");
    }
}

#[test]
fn a_directory_that_is_not_there_cannot_forge_a_message() {
    let scratch = Scratch::new();
    let module = scratch.file("a.wat", "(module (func (export \"_start\")))");
    let words: [&OsStr; 4] = ["run", "--dir", "a\nb", module.to_str().unwrap()].map(OsStr::new);
    precast(words).fails(1, &[r"cannot open the directory a\nb: No such file"]);
}

#[test]
fn a_word_that_makes_no_sense_cannot_forge_a_message() {
    let check = |word: &[u8], shown: &str| {
        let word = OsStr::from_bytes(word);
        let file = OsStr::new("a.wat");
        precast([word]).fails(2, &[&format!("unrecognized subcommand '{shown}'")]);
        let dir = ["run".as_ref(), "--fuel".as_ref(), word, file];
        precast(dir).fails(2, &[&format!("invalid value '{shown}' for '--fuel")]);
    };
    check(b"a\nprecast: error: b", r"a\nprecast: error: b");
    check(b"\x1b[31mred", r"\u{1b}[31mred");
    let words = [
        OsStr::new("run"),
        OsStr::new("a"),
        OsStr::from_bytes(b"\xff\x1b[31m"),
    ];
    precast(words).fails(2, &[r"UTF-8 only, which `\xff\u{1b}[31m` is not"]);
}

#[test]
fn a_device_without_an_end_is_no_input() {
    for command in ["compile", "run", "inspect"] {
        precast([command, "/dev/zero"]).fails(1, &["/dev/zero is neither"]);
        precast([command, "/dev/null"]).fails(1, &["/dev/null is empty"]);
    }
    precast(["wast", "/dev/zero"]).fails(1, &["/dev/zero is no script: it is larger than"]);
}

#[test]
fn an_empty_word_is_no_name() {
    for command in READERS {
        precast([command, ""]).fails(2, &["a value is required for"]);
    }
    precast(["compile", "a.wat", "-o", ""]).fails(2, &["a value is required for '--output"]);
}

#[test]
fn a_word_that_must_be_text_and_is_none_is_named() {
    let words = ["run", "--invoke"].map(OsStr::new);
    let words = [
        words[0],
        words[1],
        OsStr::from_bytes(b"caf\xe9"),
        "a".as_ref(),
    ];
    precast(words).fails(
        2,
        &[r"only names of files need not be UTF-8; there is `caf\xe9`"],
    );
}

#[test]
fn an_argument_that_a_guest_cannot_receive_is_named() {
    let scratch = Scratch::new();
    let module = scratch.file("a.wat", "(module (func (export \"_start\")))");
    let words: [&OsStr; 5] = [
        "run".as_ref(),
        module.as_ref(),
        "--".as_ref(),
        "fine".as_ref(),
        OsStr::from_bytes(b"caf\xe9"),
    ];
    precast(words).fails(2, &[r"UTF-8 only, which `caf\xe9` is not"]);
}

#[test]
fn a_full_disk_is_an_error_for_all_that_is_printed() {
    let scratch = Scratch::new();
    let artifact = scratch.artifact("a.precast", "(module)", &[]);
    let artifact = artifact.to_str().unwrap();
    for args in [
        &["--help"] as &[_],
        &["--version"],
        &["run", "--help"],
        &["inspect", artifact],
        &["inspect", "--json", artifact],
        &["completions", "fish"],
        &["man"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = precast(args).into_command().stdout(full).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {text}");
        let expected = "precast: error: cannot write to standard output: No space left";
        assert!(text.starts_with(expected), "{args:?}: {text}");
    }
}
