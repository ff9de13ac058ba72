//! The command as its users see it: output, errors and exit codes.

mod cache;
mod compile;
mod diff;
mod ending;
mod examples;
mod exe;
mod grants;
mod inspect;
mod manual;
mod object;
mod pipeline;
mod run;
mod strange;
mod support;
mod terminal;
mod timings;
mod validate;
mod wast;

use support::precast;

#[test]
fn help_has_examples_and_exit_codes() {
    let help = precast(["--help"]).succeeds();
    for part in [
        "precast compile app.wasm",
        "Exit codes:",
        "124",
        "134",
        "141",
    ] {
        assert!(help.contains(part), "{help}");
    }
    assert!(precast(["run", "--help"]).succeeds().contains("Examples:"));
    let version = precast(["--version"]).succeeds();
    assert_eq!(version, format!("precast {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_may_come_first() {
    for command in ["", "run", "cache"] {
        let words = ["help", command].into_iter().filter(|it| !it.is_empty());
        let option = [command, "--help"].into_iter().filter(|it| !it.is_empty());
        assert_eq!(precast(words).succeeds(), precast(option).succeeds());
    }
    let of_action = precast(["help", "cache", "prune"]).succeeds();
    assert!(of_action.contains("--size"), "{of_action}");
    precast(["help", "assemble"]).fails(2, &["precast: error: ", "assemble"]);
}

#[test]
fn a_file_where_a_command_is_expected_is_told_how_to_run() {
    precast(["nbody/nbody.wasm", "10"]).fails(2, &["precast run nbody/nbody.wasm"]);
    let nowhere = precast(["no-such.wasm"]).output();
    assert!(!String::from_utf8_lossy(&nowhere.stderr).contains("precast run"));
}

#[test]
fn a_command_line_that_makes_no_sense_is_a_usage_error() {
    let check = |args: &[&str], part| precast(args).fails(2, &["precast: error: ", part]);
    check(&["assemble"], "assemble");
    check(&["compile"], "<INPUT>");
    check(&["compile", "a.wasm", "-O7"], "7");
    check(&["compile", "a.wasm", "-j0"], "0");
    check(&["compile", "a.wasm", "--cpu", "i386"], "x86-64-v3");
    check(&["compile", "a.wasm", "--target", "mips"], "mips");
    check(&["run", "a.wasm", "--max-stack", "8X"], "with k, M or G");
    check(&["run", "a.wasm", "--dir", "::"], "without a name");
    check(&["run", "a.wasm", "--env", "=1"], "without a name");
    check(&["run", "a.wasm", "--timeout", "0"], "more than nothing");
    check(
        &["run", "a.wasm", "--timeout", "soon"],
        "with ms, s, m or h",
    );
    check(&["run", "a.wasm", "--fixed-clock", "99999999999"], "..");
    check(&["run", "a.wasm", "--listen", "8080"], "HOST:PORT");
    check(&["run", "a.wasm", "--random-seed", "x"], "--random-seed");
    let cpu_of_another = [
        "compile",
        "a.wasm",
        "--target",
        "aarch64-unknown-linux-gnu",
        "--cpu",
        "x86-64-v2",
    ];
    check(&cpu_of_another, "not a level of the target");
    precast([""; 0]).fails(2, &["Usage: precast"]);
}
