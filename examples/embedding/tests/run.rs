//! Every example prints what `expected/NAME.txt` says. `BLESS=1` rewrites that.

use std::path::Path;
use std::process::Command;

macro_rules! examples {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name), env!(concat!("CARGO_BIN_EXE_", stringify!($name))));
            }
        )*

        #[test]
        fn every_example_is_run() {
            let package = Path::new(env!("CARGO_MANIFEST_DIR"));
            let programs = package.join("src/bin").read_dir().expect("a folder of programs");
            let mut programs: Vec<String> = programs
                .map(|entry| entry.expect("an entry of a folder").path())
                .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
                .collect();
            programs.sort();
            assert_eq!(programs, [$(stringify!($name)),*]);
        }
    };
}

examples! {
    backtrace
    embedded
    exceptions
    host_function
    limits
    plugins
    strings
    timeout
    tracing
    virtual_files
    wasi_stdout
}

fn check(name: &str, program: &str) {
    let output = Command::new(program)
        .output()
        .expect("the program can be started");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {complaint}", output.status);
    let printed = String::from_utf8(output.stdout).expect("it prints text");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/expected/{name}.txt"));
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        std::fs::write(path, printed).expect("the expectation can be written");
        return;
    }
    let expected = std::fs::read_to_string(&path).expect("there is an expectation");
    assert_eq!(
        printed,
        expected,
        "{} (BLESS=1 rewrites it)",
        path.display()
    );
}
