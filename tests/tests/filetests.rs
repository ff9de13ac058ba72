//! The filetests: every file in `filetests/` is a test. `BLESS=1` rewrites the expectations.
//!
//! | folder | expectation |
//! |---|---|
//! | `run` | what calls return, in every [configuration](run::configurations) the same |
//! | `clif` | the code generator's IR, as it comes from the translation |
//! | `asm` | the machine code, before linking |
//! | `artifact` | what the artifact holds, or the error of the compilation |

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use precast_compiler::Listing;
use precast_tests::filetest::{self, FileTest};
use precast_tests::{run, summary};

const COMPILATION: [&str; 5] = ["target", "cpu", "opt", "memory", "options"];

type Check = fn(&Path) -> Result<(), String>;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("filetests");
    let kinds: [(&str, Check); 4] = [
        ("run", check_run),
        ("clif", |path| check_listing(path, Listing::Clif)),
        ("asm", |path| check_listing(path, Listing::Assembly)),
        ("artifact", check_artifact),
    ];
    let mut trials = Vec::new();
    for (kind, check) in kinds {
        for path in precast_tests::files_below(&root.join(kind), "wat") {
            let name = path
                .strip_prefix(&root)
                .unwrap_or(&path)
                .display()
                .to_string();
            trials.push(Trial::test(name, move || {
                check(&path).map_err(Failed::from)
            }));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn check_run(path: &Path) -> Result<(), String> {
    let test = FileTest::read(path, &["invoke", "backtrace", "deterministic"])?;
    let wasm = test.wasm()?;
    let with_backtrace = test.flag("backtrace")?;
    let deterministic = test.flag("deterministic")?;
    let mut first: Option<String> = None;
    for run::Configuration { name, mut options } in run::configurations() {
        options.deterministic = deterministic;
        let found = run::run(&wasm, &options, test.all("invoke"), with_backtrace)
            .map_err(|error| format!("{name}: {error}"))?;
        if let Some(first) = &first {
            filetest::compare(first, &found).map_err(|diff| format!("{name}: {diff}"))?;
            continue;
        }
        test.expect(&found)
            .map_err(|diff| format!("{name}: {diff}"))?;
        first = Some(found);
    }
    Ok(())
}

fn check_listing(path: &Path, listing: Listing) -> Result<(), String> {
    let test = FileTest::read(path, &[&COMPILATION[..], &["only"]].concat())?;
    let text = precast_compiler::list(&test.wasm()?, &test.options()?, listing)
        .map_err(|error| error.to_string())?;
    let mut found = String::new();
    let wanted: Vec<_> = test.all("only").flat_map(str::split_whitespace).collect();
    let mut missing = wanted.clone();
    let mut shown = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix(";; ") {
            missing.retain(|wanted| *wanted != name);
            shown = wanted.is_empty() || wanted.contains(&name);
        }
        if shown {
            found.push_str(line);
            found.push('\n');
        }
    }
    if !missing.is_empty() {
        return Err(format!("nothing is called {}", missing.join(", ")));
    }
    test.expect(found.trim_end())
}

fn check_artifact(path: &Path) -> Result<(), String> {
    let test = FileTest::read(path, &COMPILATION)?;
    let found = match precast_compiler::compile(&test.wasm()?, &test.options()?) {
        Ok(bytes) => summary::describe(&bytes)?,
        Err(error) => format!("error: {error}"),
    };
    test.expect(&found)
}
