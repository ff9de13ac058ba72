//! What `precast completions` and `precast man` tell others of the command line.

use std::fs;
use std::process::Command;

use crate::support::{Scratch, precast};

/// The commands that the help lists.
fn commands() -> Vec<String> {
    let help = precast(["--help"]).succeeds();
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let commands: Vec<String> = lines
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    assert!(commands.iter().any(|command| command == "man"), "{help}");
    commands
}

#[test]
fn bash_completes_commands_and_options() {
    let scratch = Scratch::new();
    let script = scratch.file("precast.bash", precast(["completions", "bash"]).succeeds());
    let check = |words: &[&str], expected: &str| {
        let (line, last) = (words.join(" "), words.len());
        let program = format!(
            "source \"$0\"; COMP_WORDS=(precast {line}); COMP_CWORD={last}
             _precast precast \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"
             echo \"${{COMPREPLY[@]}}\""
        );
        let mut bash = Command::new("bash");
        let output = bash.args(["--norc", "-c", &program]).arg(&script).output();
        let output = output.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let completed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(completed.trim_end(), expected, "{words:?}");
    };
    check(&["insp"], "inspect");
    check(&["run", "--time"], "--timeout");
    check(&["compile", "--custom-sections", "n"], "no-debug none");
    check(&["completions", "z"], "zsh");
}

#[test]
fn every_shell_is_told_all_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = precast(["completions", shell]).succeeds();
        for command in commands() {
            assert!(script.contains(&command), "{command} is not in {shell}'s");
        }
    }
    precast(["completions", "tcsh"]).fails(2, &["tcsh", "bash, elvish, fish, powershell, zsh"]);
}

#[test]
fn the_manual_has_a_page_for_each_command_with_all_of_its_options() {
    let scratch = Scratch::new();
    let directory = scratch.path("share/man1");
    let pages = directory.to_str().unwrap();
    assert_eq!(precast(["man", pages]).succeeds(), "");
    for command in commands() {
        let page = fs::read_to_string(directory.join(format!("precast-{command}.1"))).unwrap();
        let title = format!(".TH precast-{command} 1 ");
        assert!(page.contains(&title), "{page}");
        assert!(page.contains(".SH EXAMPLES\n.EX\n"), "{page}");
        assert!(
            page.contains(".SH \"SEE ALSO\"\n\\fBprecast\\fR(1)"),
            "{page}"
        );
        let help = precast([&command, "--help"]).succeeds();
        let options = help.lines().filter(|line| line.trim().starts_with('-'));
        for option in options.filter_map(|line| line.split([' ', ',', '[']).find(|it| it.len() > 1))
        {
            let escaped = option.replace('-', "\\-");
            assert!(page.contains(&escaped), "{option} is not in:\n{page}");
        }
    }
    let page = precast(["man"]).succeeds();
    assert_eq!(
        fs::read_to_string(directory.join("precast.1")).unwrap(),
        page
    );
    assert!(page.contains(".SH \"EXIT CODES\"\n"), "{page}");
}

#[test]
fn pages_that_cannot_be_written_are_an_error() {
    let scratch = Scratch::new();
    let file = scratch.file("file", "");
    let call = precast(["man".as_ref(), file.as_os_str()]);
    call.fails(1, &["cannot make the directory", "file: File exists"]);
    fs::create_dir_all(scratch.path("pages/precast-run.1")).unwrap();
    let call = precast(["man".as_ref(), scratch.path("pages").as_os_str()]);
    call.fails(1, &["cannot write", "precast-run.1: Is a directory"]);
}
