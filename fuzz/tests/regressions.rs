//! What fuzzing has found once: `regressions/TARGET/what-it-shows.bin` runs through the target's body.

use std::fs;
use std::path::Path;

use precast_fuzz::*;

type Body = fn(&[u8]);

const TARGETS: [(&str, Body); 10] = [
    ("parse_artifact", artifact_mutation::check),
    ("compile", compilation::check),
    ("roundtrip", roundtrip::check),
    ("differential", differential::check),
    ("wast_mutate", scripts::check),
    ("wasi", wasi_model::check),
    ("inspect", inspection::check),
    ("instances", instances::check),
    ("cache", cache_faults::check),
    ("recompile", recompilation::check),
];

#[test]
fn what_was_found_once_is_right_now() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in fs::read_dir(root.join("regressions")).expect("the folder") {
        let folder = folder.expect("a folder").path();
        let name = folder.file_name().expect("a name");
        let target = TARGETS.iter().find(|(target, _)| *target == name);
        let (_, body) = target.unwrap_or_else(|| panic!("{} is no target", folder.display()));
        for file in fs::read_dir(&folder).expect("the folder") {
            let path = file.expect("a file").path();
            eprintln!("{}", path.display());
            body(&fs::read(&path).expect("the file"));
        }
    }
}

/// A target without a body here would keep its findings from being run.
#[test]
fn every_target_is_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let targets = fs::read_dir(root.join("fuzz_targets")).expect("the folder");
    let mut names: Vec<String> = targets
        .map(|file| file.expect("a file").path())
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort_unstable();
    let mut listed = TARGETS.map(|(name, _)| name.to_owned());
    listed.sort_unstable();
    assert_eq!(names, listed);
}
