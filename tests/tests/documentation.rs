//! Every public item of the libraries shows in an example how it is used, and the artifact that
//! those of the loader run is what the compiler makes of its source. (That examples compile and
//! run, `cargo test` itself sees to.)

use std::path::Path;

use precast_compiler::{Arch, Options, Os, Target};
use precast_tests::{blessing, files_below, repository, wasm};

/// Sources whose public items must have examples. All of them are part of the API: what is not is
/// `pub(crate)`, by a lint.
const LIBRARIES: [&str; 2] = ["loader/src", "compiler/src"];

/// Sources of the format whose public items are part of the API of both.
const OF_THE_FORMAT: [&str; 8] = [
    "compat.rs",
    "cpu.rs",
    "error.rs",
    "note.rs",
    "section.rs",
    "target.rs",
    "types.rs",
    "types/val.rs",
];

/// What a line of a public item may begin with, after `pub ` and `unsafe ` or `const `. Fields, variants and the methods of traits are shown where their type is.
const ITEMS: [&str; 5] = ["fn ", "struct ", "enum ", "trait ", "type "];

/// Public only in name.
const NOT_TO_BE_NAMED: [&str; 1] = ["pub trait Sealed {}"];

#[test]
fn every_public_item_has_an_example() {
    let libraries = LIBRARIES.map(|folder| files_below(&repository().join(folder), "rs"));
    let format = repository().join("artifacts-format/src");
    let format = OF_THE_FORMAT.map(|file| format.join(file));
    let mut without = Vec::new();
    for path in libraries.into_iter().flatten().chain(format) {
        let text = std::fs::read_to_string(&path).expect("a source can be read");
        let path = path.strip_prefix(repository()).unwrap_or(&path).display();
        for (number, line) in items_without_example(&text) {
            without.push(format!("{path}:{number}: {line}"));
        }
    }
    assert!(without.is_empty(), "without an example: {without:#?}");
}

/// Number and text of the first line of each public item that shows no example.
fn items_without_example(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut without = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let about = about(&lines[..index]);
        let is_item = is_item(line) && !about.contains(&"#[doc(hidden)]")
            || about.contains(&"#[macro_export]") && line.starts_with("macro_rules!");
        if is_item && !about.iter().any(|line| line.starts_with("/// ```")) {
            without.push((index + 1, *line));
        }
    }
    without.into_iter()
}

fn is_item(line: &str) -> bool {
    let item = line.strip_prefix("pub ");
    let Some(item) = item.filter(|_| !NOT_TO_BE_NAMED.contains(&line)) else {
        return false;
    };
    let words = ["unsafe ", "const ", ""].map(|word| item.strip_prefix(word));
    let mut items = words.into_iter().flatten();
    items.any(|item| ITEMS.iter().any(|word| item.starts_with(word)))
}

/// The lines of documentation and attributes right before an item: all of `before` behind the last
/// one that ends something else. Attributes that `rustfmt` breaks over lines lie between documentation
/// and item too.
fn about<'a, 'b>(before: &'a [&'b str]) -> &'a [&'b str] {
    let mut start = before.len();
    let mut in_attribute = false;
    while let Some(line) = start.checked_sub(1).and_then(|last| before.get(last)) {
        in_attribute |= *line == ")]";
        let belongs = in_attribute || line.starts_with("#[") || line.starts_with("///");
        if !belongs {
            break;
        }
        in_attribute &= !line.starts_with("#[");
        start -= 1;
    }
    &before[start..]
}

#[test]
fn the_readme_shows_the_example_of_the_loader() {
    let read = |path| std::fs::read_to_string(repository().join(path)).expect("a file can be read");
    let (readme, library) = (read("README.md"), read("loader/src/lib.rs"));
    let shown: Vec<&str> = block(readme.lines(), "```rust").collect();
    let comments = library.lines().filter_map(|line| line.strip_prefix("//!"));
    let tested = block(
        comments.map(|line| line.strip_prefix(' ').unwrap_or(line)),
        "```",
    );
    let tested = tested.filter(|line| !line.starts_with("# "));
    assert_eq!(shown, tested.collect::<Vec<_>>());
}

/// The lines of the first block of code that begins with `fence`.
fn block<'a>(lines: impl Iterator<Item = &'a str>, fence: &str) -> impl Iterator<Item = &'a str> {
    let lines = lines.skip_while(move |line| *line != fence).skip(1);
    lines.take_while(|line| *line != "```")
}

#[test]
fn an_item_without_an_example_is_found() {
    let check = |text: &str, expected: &[usize]| {
        let found: Vec<usize> = items_without_example(text)
            .map(|(number, _)| number)
            .collect();
        assert_eq!(found, expected, "in {text:?}");
    };
    check("/// Text.\npub fn f() {}", &[2]);
    check(
        "/// ```\n/// f();\n/// ```\n#[inline]\npub unsafe fn f() {}",
        &[],
    );
    check(
        "/// ```\n#[allow(\n    x\n)]\npub struct S;\npub const fn g() {}",
        &[6],
    );
    check("/// ```\n\npub enum E {", &[3]);
    check("#[doc(hidden)]\npub trait T {", &[]);
    check("/// Text.\npub unsafe trait T {", &[2]);
    check("pub const NONE: Self = Self(0);", &[]);
    check("/// Text.\n#[macro_export]\nmacro_rules! m {", &[3]);
    check(
        "pub(crate) fn f() {}\npub field: u32,\nfn f() {}\nmacro_rules! m {",
        &[],
    );
}

#[test]
fn the_artifact_of_the_examples_is_what_the_compiler_makes() {
    let folder = repository().join("loader/example");
    let source = std::fs::read_to_string(folder.join("app.wat")).expect("the source can be read");
    let wasm = wasm(&source);
    check_artifact(&wasm, Arch::X86_64, &folder.join("x86_64"));
    check_artifact(&wasm, Arch::Aarch64, &folder.join("aarch64"));
}

fn check_artifact(wasm: &[u8], arch: Arch, folder: &Path) {
    let os = Os::Linux;
    let mut options = Options::for_target(Target { arch, os });
    options.tunables.fuel = true;
    options.listeners = true;
    let artifact = precast_compiler::compile(wasm, &options).expect("it compiles");
    let path = folder.join("app.precast");
    if blessing() {
        std::fs::create_dir_all(folder).expect("a folder can be made");
        std::fs::write(path, artifact).expect("the artifact can be written");
        return;
    }
    let found = std::fs::read(&path).unwrap_or_default();
    assert!(
        found == artifact,
        "{} is out of date (BLESS=1 rewrites it)",
        path.display()
    );
}
