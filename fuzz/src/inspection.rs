//! What `inspect` and `diff` say of any bytes.
//!
//! Beside artifacts that are nearly right there are relocatable objects, with bytes changed anywhere.

use std::ops::Range;
use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use precast_artifacts_format::{Arch, Artifact, Section};
use precast_cli::reports::{
    DiffReport, DisasmReport, ForeignReport, FunctionsReport, ObjectReport, Order, Report, Side,
    Subject, artifact_in, no_artifact, treemap,
};
use precast_compiler::{Compilation, Features, Options, Output};
use serde::Serialize;
use serde_json::Value;

use crate::artifact_mutation;
use crate::bounded::bounded;

/// What the reports on a file may hold of the host's memory, in bytes: some, and some for each of the file's own,
/// which may be a byte of code with a line of its own.
const MOST_HELD: usize = 16 << 20;
const MOST_HELD_PER_BYTE: usize = 2048;

/// Functions whose code is looked at.
const MOST_FUNCTIONS: u32 = 4;

/// Whatever the bytes are, reports on them can be made, shown and parsed, with memory in proportion, and do
/// nothing to who looks at them.
///
/// # Panics
///
/// If a promise is broken.
pub fn check(bytes: &[u8]) {
    describe(bytes);
    let _ = try_check(&mut Unstructured::new(bytes));
}

/// The same for a file made of the bytes, and whether something was found in it.
///
/// # Errors
///
/// None but those of the bytes.
///
/// # Panics
///
/// If a promise is broken.
pub fn try_check(u: &mut Unstructured<'_>) -> Result<bool> {
    let (original, changed) = match u.int_in_range(0..=3)? {
        0 => {
            let mut changed = object().to_vec();
            artifact_mutation::overwrite(&mut changed, u)?;
            (object(), changed)
        }
        1 => {
            let (original, changed, _) = artifact_mutation::any(u)?;
            (original, changed)
        }
        _ => {
            let original: &[u8] = u.choose(artifact_mutation::originals())?;
            let mut changed = original.to_vec();
            overwrite_sections(original, &mut changed, u)?;
            (original, changed)
        }
    };
    let len = original.len() + changed.len();
    let what = || format!("describing {len} bytes");
    let at_most = MOST_HELD + len * MOST_HELD_PER_BYTE;
    Ok(bounded(at_most, what, || {
        compare(original, &changed);
        describe(&changed)
    }))
}

/// A relocatable object.
fn object() -> &'static [u8] {
    static OBJECT: OnceLock<Vec<u8>> = OnceLock::new();
    OBJECT.get_or_init(|| {
        let options = Options {
            features: Features::ALL,
            ..Options::default()
        };
        let wasm = artifact_mutation::module();
        let object = Compilation::new(&wasm, &options).output(Output::Object);
        object.run().expect("the module compiles").bytes
    })
}

/// Changes bytes where only those who look closer will see: in code, tables, and symbols with their names.
fn overwrite_sections(original: &[u8], bytes: &mut [u8], u: &mut Unstructured<'_>) -> Result<()> {
    let artifact = Artifact::parse(original).expect("an original");
    let mut places: Vec<Range<usize>> = Section::ALL
        .iter()
        .filter(|section| !matches!(section, Section::Note | Section::Manifest))
        .map(|&section| {
            let start = artifact.file_offset(section) as usize;
            start..start + artifact.section(section).len()
        })
        .collect();
    // Behind all sections that the note knows.
    let end = places.iter().map(|place| place.end).max().unwrap_or(0);
    places.push(end..original.len());
    places.retain(|place| !place.is_empty());
    for _ in 0..u.int_in_range(1..=16)? {
        let place = u.choose(&places)?.clone();
        let at = u.int_in_range(place.start..=place.end - 1)?;
        let number: u64 = if u.arbitrary()? {
            *u.choose(&artifact_mutation::EDGES)?
        } else {
            u.arbitrary()?
        };
        let width = (*u.choose(&[1, 2, 4, 8])?).min(place.end - at);
        artifact_mutation::put(bytes, at, width, number);
    }
    Ok(())
}

/// All reports on a file, and whether it is one that there is something to say of.
pub fn describe(bytes: &[u8]) -> bool {
    let (name, bytes) = artifact_in("file", bytes);
    match Subject::parse(bytes) {
        Ok(Subject::Artifact(artifact)) => describe_artifact(&name, &artifact),
        Ok(Subject::Foreign(differences)) => {
            shown(&ForeignReport::new(&name, bytes, &differences));
        }
        Ok(Subject::Object(object)) => {
            shown(&ObjectReport::new(&name, bytes.len(), &object));
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            let _what = no_artifact(bytes, &error);
            return false;
        }
    }
    true
}

fn describe_artifact(name: &str, artifact: &Artifact<'_>) {
    let report = Report::new(name, artifact, &artifact.verify());
    shown(&report);
    let page = treemap(&report).expect("a page");
    assert_eq!(page.matches('<').count(), tags(), "names are no tags");
    for order in [Order::Size, Order::Index, Order::Name] {
        shown(&FunctionsReport::new(&report, order, None));
    }
    let funcs = artifact.funcs().len() as u32;
    let imported = artifact.manifest().imported().funcs;
    let ends = (0..funcs.min(MOST_FUNCTIONS)).chain(funcs.saturating_sub(1)..funcs);
    let mut wanted: Vec<String> = ends
        .map(|defined| (u64::from(imported) + u64::from(defined)).to_string())
        .collect();
    let symbols = artifact.code_symbols();
    wanted.extend(symbols.map(|symbol| symbol.name.to_owned()).take(20));
    wanted.push("a".to_owned());
    for wanted in wanted {
        match DisasmReport::new(name, artifact, &wanted) {
            Ok(report) => all_code_is_there(&shown(&report), artifact),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// What is shown of a function is all of its code, each byte once.
fn all_code_is_there(report: &Value, artifact: &Artifact<'_>) {
    let number = |name: &str| report[name].as_u64().expect("a number");
    let (start, len) = (number("text_offset"), number("code_bytes"));
    let text = artifact.section(Section::Text);
    let code = text.get(start as usize..(start + len) as usize);
    let lines = report["lines"].as_array().expect("a list");
    let hex: String = lines
        .iter()
        .filter_map(|line| line["bytes"].as_str())
        .collect();
    let zeros = |line: &Value| {
        line["text"]
            .as_str()
            .is_some_and(|it| it.starts_with(".zero"))
    };
    let expected: String = code
        .iter()
        .flat_map(|it| it.iter())
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(
        artifact.note().target.arch != Arch::X86_64 || hex == expected || lines.iter().any(zeros),
        "{report}"
    );
}

/// A report as text, in which no name does anything to the terminal, and as JSON, which is given back.
fn shown(report: &(impl Serialize + std::fmt::Display)) -> Value {
    check_text(&report.to_string());
    let json = serde_json::to_string(report).expect("JSON");
    serde_json::from_str(&json).expect("JSON")
}

fn check_text(text: &str) {
    let control = text.chars().find(|&it| it.is_control() && it != '\n');
    assert_eq!(control, None, "{text:?}");
}

/// How many tags a page has of its own.
fn tags() -> usize {
    static TAGS: OnceLock<usize> = OnceLock::new();
    *TAGS.get_or_init(|| {
        let [_, _, empty] = artifact_mutation::originals();
        let artifact = Artifact::parse(empty).expect("an artifact");
        let page = treemap(&Report::new("empty", &artifact, &Ok(()))).expect("a page");
        page.matches('<').count()
    })
}

fn compare(before: &[u8], after: &[u8]) {
    let sides = (Side::new("before", before), Side::new("after", after));
    let (Ok(before_side), Ok(after_side)) = sides else {
        return;
    };
    let report = DiffReport::new(&before_side, &after_side);
    check_text(&report.text(usize::MAX));
    serde_json::to_string(&report).expect("JSON");
    if before == after {
        assert!(report.is_same);
    }
}
