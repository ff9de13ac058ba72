//! The examples, run as `examples/cases.txt` lists them; its head explains the columns. Each case
//! runs as a module and, compiled before, as an artifact, and as a program.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::Output;

use crate::support::{Call, Scratch, examples, precast};

struct Case<'a> {
    line: &'a str,
    module: &'a str,
    invoke: Option<&'a str>,
    args: Vec<&'a str>,
    stdin: Vec<u8>,
    dirs: Vec<&'a str>,
    expected: Vec<u8>,
    /// `None` for a trap.
    exit_code: Option<i32>,
}

#[test]
fn modules_print_what_they_must() {
    for_each_case(|case| case.check(case.module));
}

#[test]
fn artifacts_print_what_they_must() {
    let scratch = Scratch::new();
    let mut artifacts = HashMap::<String, PathBuf>::new();
    for_each_case(|case| {
        let next = artifacts.len();
        let artifact = artifacts.entry(case.module.to_owned()).or_insert_with(|| {
            let path = scratch.path(&format!("{next}.precast"));
            precast(["compile", case.module, "-o", path.to_str().unwrap()]).succeeds();
            path
        });
        case.check(artifact.to_str().unwrap());
    });
}

#[test]
fn programs_print_what_they_must() {
    let scratch = Scratch::new();
    let mut programs = HashMap::<_, PathBuf>::new();
    for_each_case(|case| {
        if case.invoke.is_some() {
            return;
        }
        let next = programs.len();
        let key = (case.module.to_owned(), case.dirs.join(" "));
        let program = programs.entry(key).or_insert_with(|| {
            let path = scratch.path(&format!("{next}"));
            let mut args = vec!["compile", "--emit", "exe", case.module];
            args.extend(["-o", path.to_str().unwrap()]);
            args.extend(case.dirs.iter().flat_map(|dir| ["--dir", dir]));
            precast(args).succeeds();
            path
        });
        let call = Call::of(program).args(&case.args).current_dir(&examples());
        let output = call.stdin(&*case.stdin).output();
        case.check_output(&output, program.to_str().unwrap());
    });
}

fn for_each_case(mut check: impl FnMut(&Case<'_>)) {
    let list = fs::read_to_string(examples().join("cases.txt")).unwrap();
    let lines = list.lines().map(str::trim);
    let cases: Vec<Case<'_>> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(Case::parse)
        .collect();
    assert!(!cases.is_empty());
    cases.iter().for_each(&mut check);
}

impl<'a> Case<'a> {
    fn parse(line: &'a str) -> Self {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [module, args, stdin, dirs, expected, exit_code] = columns[..] else {
            panic!("not six columns: {line}");
        };
        let words = |column: &'a str| match column {
            "-" => Vec::new(),
            words => words.split_ascii_whitespace().collect(),
        };
        let file = |column: &str| match column {
            "-" => Vec::new(),
            path => fs::read(examples().join(path)).unwrap(),
        };
        let (module, invoke) = match module.split_once('#') {
            Some((module, invoke)) => (module, Some(invoke)),
            None => (module, None),
        };
        Self {
            line,
            module,
            invoke,
            args: words(args),
            stdin: file(stdin),
            dirs: words(dirs),
            expected: file(expected),
            exit_code: (exit_code != "trap").then(|| exit_code.parse().unwrap()),
        }
    }

    fn check(&self, file: &str) {
        let mut command = vec!["run"];
        for dir in &self.dirs {
            command.extend(["--dir", dir]);
        }
        match self.invoke {
            Some(name) => command.extend(["--invoke", name, file]),
            None => command.extend([file, "--"]),
        }
        command.extend(&self.args);
        let output = precast(command).stdin(&*self.stdin).output();
        self.check_output(&output, file);
    }

    fn check_output(&self, output: &Output, file: &str) {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let case = format!("{file}: {}\n{stderr}", self.line);
        let exit_code = self.exit_code.unwrap_or(134);
        assert_eq!(output.status.code(), Some(exit_code), "{case}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&self.expected),
            "{case}"
        );
        if self.exit_code.is_none() {
            assert!(stderr.starts_with("precast: trap: "), "{case}");
            assert!(stderr.contains("wasm backtrace:"), "{case}");
        }
    }
}
