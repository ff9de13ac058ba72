//! The rules of the house, as tests: what may import what, where `unsafe` may stand, how long files
//! may be, what must be documented. `BLESS=1` rewrites the checked-in lists; a change of them
//! is a decision, and reviewed as one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use precast_artifacts_format::Section;
use precast_tests::{files_below, repository};

/// Crate, folder, and the crates of this workspace that it may depend on.
const CRATES: [(&str, &str, &[&str]); 9] = [
    ("precast-artifacts-format", "artifacts-format", &[]),
    (
        "precast-compiler",
        "compiler",
        &["precast-artifacts-format"],
    ),
    ("precast-loader", "loader", &["precast-artifacts-format"]),
    (
        "precast-loader-example",
        "loader/example",
        &["precast-loader"],
    ),
    ("precast-wasi", "loader/wasi", &["precast-loader"]),
    (
        "precast-wast",
        "wast",
        &["precast-compiler", "precast-loader"],
    ),
    (
        "precast-cli",
        "cli",
        // The format too: `inspect` reads artifacts that the loader has no use for.
        &[
            "precast-artifacts-format",
            "precast-compiler",
            "precast-loader",
            "precast-wasi",
            "precast-wast",
        ],
    ),
    (
        "precast-tests",
        "tests",
        &[
            "precast-artifacts-format",
            "precast-compiler",
            "precast-loader",
            "precast-wasi",
        ],
    ),
    (
        "precast-examples",
        "examples/embedding",
        &["precast-loader", "precast-wasi"],
    ),
];

/// Crates that must do without `unsafe`.
const SAFE_CRATES: [&str; 3] = ["artifacts-format", "compiler", "loader/wasi"];

/// Libraries that deny it where it is not allowed file by file.
const DENYING_CRATES: [&str; 2] = ["loader", "wast"];

/// Folders of crates that need it: to run code, and to say that it is to be trusted.
const UNSAFE_SOURCES: [&str; 3] = ["loader/src", "wast/src", "cli/src"];

/// What the loader must never come to depend on, by the beginnings of names.
const NO_PART_OF_THE_LOADER: [&str; 6] =
    ["cranelift", "regalloc", "wasmparser", "wat", "wast", "iced"];

const SOFT_CAP_LINES: usize = 600;
const HARD_CAP_LINES: usize = 1_000;

#[test]
fn crates_depend_on_one_another_one_way() {
    let output = cargo(&["metadata", "--format-version=1", "--no-deps", "--offline"]);
    let metadata: serde_json::Value = serde_json::from_str(&output).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let mut found = BTreeSet::new();
    for package in packages {
        let name = package["name"].as_str().expect("a package has a name");
        let known = CRATES.iter().find(|(known, ..)| *known == name);
        let (.., allowed) = known.unwrap_or_else(|| panic!("{name} is not in the list above"));
        found.insert(name);
        let dependencies = package["dependencies"].as_array().expect("a list");
        // What only tests, examples and build scripts use has a kind.
        for dependency in dependencies.iter().filter(|d| d["kind"].is_null()) {
            let dependency = dependency["name"]
                .as_str()
                .expect("a dependency has a name");
            assert!(
                !dependency.starts_with("precast-") || allowed.contains(&dependency),
                "{name} must not depend on {dependency}"
            );
        }
    }
    assert_eq!(found.len(), CRATES.len(), "crates: {found:?}");
}

#[test]
fn the_loader_depends_on_what_is_listed() {
    let without_features = loader_dependencies("--no-default-features");
    let with_features = loader_dependencies("--all-features");
    for name in &with_features {
        let mut never = NO_PART_OF_THE_LOADER.iter();
        assert!(
            !never.any(|beginning| name.starts_with(beginning)),
            "the loader must not depend on {name}"
        );
    }
    let by_features = with_features.difference(&without_features).cloned();
    check_list("loader-dependencies-of-features.txt", by_features);
    check_list("loader-dependencies.txt", without_features.into_iter());
}

fn loader_dependencies(features: &str) -> BTreeSet<String> {
    let output = cargo(&[
        "tree",
        "--package=precast-loader",
        features,
        "--edges=normal",
        "--target=all",
        "--prefix=none",
        "--format={p}",
        "--offline",
    ]);
    let names = output.lines().filter_map(|line| line.split(' ').next());
    names
        .filter(|name| !name.is_empty() && *name != "precast-loader")
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_loader_compiles_without_its_features() {
    cargo(&[
        "check",
        "--package=precast-loader",
        "--no-default-features",
        "--offline",
    ]);
}

#[test]
fn unsafe_code_stands_where_it_is_listed() {
    for krate in SAFE_CRATES {
        let root = crate_root(krate);
        let text = read(&root);
        let forbids = text.lines().any(|line| line == "#![forbid(unsafe_code)]");
        assert!(forbids, "{} forbids unsafe code", shown(&root));
    }
    for krate in DENYING_CRATES {
        let root = crate_root(krate);
        let text = read(&root);
        let denies = text.lines().any(|line| line == "#![deny(unsafe_code)]");
        assert!(denies, "{} denies unsafe code", shown(&root));
    }
    let files = UNSAFE_SOURCES.map(|folder| files_below(&repository().join(folder), "rs"));
    let with_unsafe = files.iter().flatten().filter(|path| {
        let text = read(path);
        let mut code = text.lines().map(without_comment);
        code.any(|line| words(line).any(|word| word == "unsafe"))
    });
    check_list("unsafe-files.txt", with_unsafe.map(|path| shown(path)));
}

#[test]
fn files_stay_short() {
    let mut too_long = Vec::new();
    for path in sources() {
        let lines = read(&path).lines().count();
        let line = format!("{} has {lines} lines", shown(&path));
        if lines > HARD_CAP_LINES {
            too_long.push(line);
        } else if lines > SOFT_CAP_LINES {
            println!("{line}, more than {SOFT_CAP_LINES}: could it be two?");
        }
    }
    assert!(
        too_long.is_empty(),
        "longer than {HARD_CAP_LINES}: {too_long:#?}"
    );
}

#[test]
fn every_section_is_described() {
    let text = read(&repository().join("FORMAT.md"));
    for section in Section::ALL {
        let name = format!("`{}`", section.name());
        assert!(text.contains(&name), "FORMAT.md does not describe {name}");
    }
}

#[test]
fn the_tests_of_known_classes_exist() {
    let text = read(&repository().join("SECURITY.md"));
    let (_, classes) = text.split_once("\n## Known classes\n").expect("a section");
    let rows = classes.lines().filter(|line| line.starts_with("| "));
    let mut found = 0;
    for row in rows.skip(1) {
        let mut file = None;
        // What is in backquotes is every other part.
        let tests = row.rsplit_once(" | ").expect("two columns").1;
        for name in tests.split('`').skip(1).step_by(2) {
            if name.contains('/') {
                let path = repository().join(name);
                assert!(path.exists(), "SECURITY.md: {name} does not exist");
                file = Some(path);
                found += 1;
            } else if let Some(file) = &file {
                let function = format!("fn {name}()");
                let has = read(file).contains(&function);
                assert!(has, "SECURITY.md: {} has no {function}", shown(file));
            }
        }
        let is_explained = tests.starts_with("none: ");
        assert!(
            file.is_some() || is_explained,
            "SECURITY.md: no test for {row}"
        );
    }
    assert!(found > 40, "{found}");
}

#[test]
fn nothing_is_left_for_later() {
    // Put together, so that this file does not find itself.
    let notes = ["TO_DO", "FIX_ME", "X_XX"].map(|word| word.replace('_', ""));
    let macros = ["to_do!", "unimple_mented!", "db_g!"].map(|name| name.replace('_', ""));
    let mut left = Vec::new();
    for path in sources() {
        for (number, line) in (1..).zip(read(&path).lines()) {
            let noted = words(line).any(|word| notes.iter().any(|note| note == word));
            if noted || macros.iter().any(|name| line.contains(name.as_str())) {
                left.push(format!("{}:{number}: {}", shown(&path), line.trim()));
            }
        }
    }
    assert!(left.is_empty(), "left for later: {left:#?}");
}

#[test]
fn every_crate_says_what_it_is() {
    for (_, folder, _) in CRATES {
        let root = crate_root(folder);
        assert!(
            read(&root).starts_with("//! "),
            "{} starts with a description",
            shown(&root)
        );
    }
}

/// The list in `tests/name`, sorted, one item a line.
fn check_list(name: &str, items: impl Iterator<Item = String>) {
    let path = repository().join("tests").join(name);
    let found = items.fold(String::new(), |list, item| list + &item + "\n");
    if precast_tests::blessing() {
        std::fs::write(&path, found).expect("the list can be written");
        return;
    }
    let expected = read(&path);
    let set = |list: &'_ str| list.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (expected_set, found_set) = (set(&expected), set(&found));
    assert!(
        expected == found,
        "tests/{name} (BLESS=1 rewrites it)\n  new: {:?}\n  gone: {:?}",
        found_set.difference(&expected_set).collect::<Vec<_>>(),
        expected_set.difference(&found_set).collect::<Vec<_>>(),
    );
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(repository())
        .output()
        .expect("cargo can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("cargo writes text")
}

/// The first of these that a crate has. One of several programs has only the last.
fn crate_root(folder: &str) -> PathBuf {
    let roots = ["src/lib.rs", "src/main.rs", "build.rs"];
    let roots = roots.map(|root| repository().join(folder).join(root));
    let root = roots.into_iter().find(|root| root.exists());
    root.unwrap_or_else(|| panic!("{folder} has no root"))
}

/// All Rust sources of the repository.
fn sources() -> Vec<PathBuf> {
    let mut folders: Vec<&str> = CRATES.iter().map(|(_, folder, _)| *folder).collect();
    folders.push("fuzz");
    let mut sources: Vec<PathBuf> = folders
        .into_iter()
        .map(|folder| repository().join(folder))
        .filter(|folder| folder.exists())
        .flat_map(|folder| files_below(&folder, "rs"))
        .filter(|path| path.components().all(|part| part.as_os_str() != "target"))
        .collect();
    sources.sort();
    // One crate lies in the folder of another.
    sources.dedup();
    sources
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", shown(path)))
}

/// The path as it is within the repository.
fn shown(path: &Path) -> String {
    let path = path.strip_prefix(repository()).unwrap_or(path);
    path.display().to_string()
}

/// Good enough where `//` does not stand in strings before the word that is looked for.
fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or(line)
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}
