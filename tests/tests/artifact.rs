//! Artifacts as bytes: the same whatever the threads, safe to open whatever the bytes, refused
//! with reasons where they do not fit.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};

use precast_artifacts_format::{
    Artifact, ArtifactError, ArtifactParts, CpuFeature, CpuFeatures, Difference, ExternIndex, Host,
    ImportType, Manifest, Range32, Section, Target, ValType,
};
use precast_compiler::{CustomSections, Options, compile, parse_target};
use precast_loader::{Engine, Error, Module};
use precast_tests::{Compiled, artifact, files_below, load, options, repository, wasm};

/// A module with something in every section.
const EVERYTHING: &str = r#"
    (module $everything
      (import "env" "f" (func $f (param i32) (result i32)))
      (memory (export "memory") 1 2)
      (table $constant 3 funcref)
      (table $changing (export "table") 2 4 funcref)
      (global (export "global") (mut i64) (i64.const 7))
      (elem (table $constant) (i32.const 0) func $f $grow)
      (elem (table $changing) (i32.const 1) func $load)
      (elem $passive_elements funcref (ref.func $grow) (ref.null func))
      (data (i32.const 8) "hello")
      (data $passive "kept for later")
      (start $start)
      (func $start (memory.init $passive (i32.const 0) (i32.const 0) (i32.const 4)))
      (func $grow (param i32) (result i32) (memory.grow (local.get 0)))
      (func $load (export "load") (param i32) (result i32)
        (i32.add (i32.load (local.get 0)) (i32.load offset=4 (local.get 0))))
      (func (export "call") (param i32) (result i32)
        (table.init $changing $passive_elements (i32.const 0) (i32.const 0) (i32.const 1))
        (call_indirect $constant (param i32) (result i32) (local.get 0) (local.get 0)))
      (@custom "custom" "of the module"))
"#;

fn aarch64() -> Target {
    parse_target("aarch64-unknown-linux-gnu").unwrap()
}

#[test]
fn threads_do_not_change_the_bytes() {
    let funcs: String = (0..300)
        .map(|n| {
            format!(
                "(func $f{n} (export \"f{n}\") (param i32) (result i32)
                   (if (result i32) (i32.lt_u (local.get 0) (i32.const {n}))
                     (then (call $f{} (i32.load offset={n} (local.get 0))))
                     (else (i32.div_u (local.get 0) (i32.const {n})))))",
                (n * 7 + 1) % 300
            )
        })
        .collect();
    let module = wasm(&format!("(module (memory 1) {funcs})"));
    let compiled = [1, 2, 5].map(|threads| {
        let options = Options {
            threads: NonZeroUsize::new(threads),
            ..Options::default()
        };
        compile(&module, &options).unwrap()
    });
    assert!(compiled[0] == compiled[1] && compiled[1] == compiled[2]);
}

#[test]
fn every_section_is_used_by_the_module_for_these_tests() {
    let bytes = artifact(EVERYTHING);
    let artifact = Artifact::parse(&bytes).unwrap();
    for section in Section::ALL {
        assert!(!artifact.section(section).is_empty(), "{}", section.name());
    }
}

/// Opens bytes that need not be an artifact and uses all that can be used of what comes out.
/// Gives the manifest, or the error.
fn exercise(bytes: &[u8]) -> Result<Manifest, ArtifactError> {
    let artifact = Artifact::parse(bytes)?;
    for index in (0..artifact.funcs().len() as u32 + 2).chain([u32::MAX]) {
        artifact.funcs().get(index);
        artifact.funcs().end_of(index);
        artifact.function_name(index);
    }
    let text_len = artifact.section(Section::Text).len() as u32;
    for text_offset in (0..text_len).step_by(17).chain([u32::MAX]) {
        artifact.funcs().find(text_offset);
        artifact.traps().lookup(text_offset);
        artifact.address_map().lookup(text_offset);
    }
    assert!(artifact.traps().iter().count() <= artifact.traps().len());
    assert!(artifact.address_map().iter().count() <= artifact.address_map().len());
    let _either_way = artifact.verify();
    Ok(artifact.into_manifest())
}

/// The same, where a panic is a failure that names the damage.
fn exercise_damaged(bytes: &[u8], damage: impl Fn() -> String) -> Result<Manifest, ArtifactError> {
    catch_unwind(AssertUnwindSafe(|| exercise(bytes)))
        .unwrap_or_else(|_| panic!("{}: opening panicked", damage()))
}

#[test]
fn a_flipped_byte_is_an_error_or_changes_nothing_that_counts() {
    let good = artifact(EVERYTHING);
    let manifest = exercise(&good).unwrap();
    let places: Vec<_> = {
        let artifact = Artifact::parse(&good).unwrap();
        let sections = Section::ALL.into_iter().map(|section| {
            let start = artifact.section(section).as_ptr().addr() - good.as_ptr().addr();
            (section, start..start + artifact.section(section).len())
        });
        sections.collect()
    };
    let mut bad = good.clone();
    for at in 0..good.len() {
        let section = places.iter().find(|(_, range)| range.contains(&at));
        for mask in [0x01, 0xff] {
            bad[at] = good[at] ^ mask;
            let damage = || format!("byte {at:#x} ^ {mask:#x}, in {section:?}");
            // Reading every table is slow for thousands of bytes that no table is made of.
            let opened = match section {
                Some((Section::Text | Section::Image, _)) | None => {
                    catch_unwind(|| Artifact::parse(&bad).map(Artifact::into_manifest))
                        .unwrap_or_else(|_| panic!("{}: opening panicked", damage()))
                }
                _ => exercise_damaged(&bad, damage),
            };
            if let Ok(opened) = opened {
                assert_eq!(opened, manifest, "{}", damage());
                let verified = Artifact::parse(&bad).unwrap().verify();
                assert_eq!(verified.is_err(), section.is_some(), "{}", damage());
            }
        }
        bad[at] = good[at];
    }
}

#[test]
fn every_truncation_is_an_error() {
    let good = artifact(EVERYTHING);
    for len in 0..good.len() {
        let opened = exercise_damaged(&good[..len], || format!("{len} bytes of {}", good.len()));
        assert!(opened.is_err(), "{len} bytes of {}", good.len());
        if len % 64 == 0 {
            assert!(Module::check(&good[..len]).is_err());
        }
    }
}

#[test]
fn bytes_that_are_something_else_are_told_from_damaged_ones() {
    let elf = std::fs::read("/proc/self/exe").unwrap();
    let others: [&[u8]; 5] = [b"", b"\0asm\x01\0\0\0", b"#!/bin/sh", b"\x7fELF", &elf];
    for bytes in others {
        let error = Artifact::parse(bytes).unwrap_err();
        assert!(
            matches!(error, ArtifactError::NotAnArtifact { .. }),
            "{error}"
        );
    }
}

/// The artifact written once more, after `change` has been at its parts, with digests that match.
fn rewritten<'a>(
    artifact: &'a Artifact<'a>,
    change: impl FnOnce(&mut ArtifactParts<'a>),
) -> Vec<u8> {
    let mut parts = ArtifactParts {
        target: artifact.note().target,
        cpu_features: artifact.note().cpu_features,
        tunables: artifact.note().tunables,
        compiler_version: &artifact.note().compiler_version,
        manifest: artifact.manifest(),
        text: artifact.section(Section::Text),
        tables: artifact.section(Section::Tables),
        funcs: artifact.section(Section::Funcs),
        traps: artifact.section(Section::Traps),
        address_map: artifact.section(Section::AddrMap),
        unwind: artifact.section(Section::Unwind),
        elements: artifact.section(Section::Elements),
        passive: artifact.section(Section::Passive),
        image: artifact.section(Section::Image),
        custom: artifact.section(Section::Custom),
        symbols: &[],
    };
    change(&mut parts);
    precast_artifacts_format::write(&parts)
}

#[test]
fn what_is_written_again_reads_the_same() {
    let bytes = artifact(EVERYTHING);
    let original = Artifact::parse(&bytes).unwrap();
    let again = rewritten(&original, |_| ());
    let artifact = Artifact::parse(&again).unwrap();
    artifact.verify().unwrap();
    assert_eq!(artifact.manifest(), original.manifest());
    assert_eq!(artifact.function_name(0), None, "no symbols were written");
}

#[test]
fn a_damaged_table_with_the_right_digest_never_panics() {
    let good = artifact(EVERYTHING);
    let parsed = Artifact::parse(&good).unwrap();
    for section in [
        Section::Funcs,
        Section::Traps,
        Section::AddrMap,
        Section::Elements,
    ] {
        let bytes = parsed.section(section);
        let mut damaged = bytes.to_vec();
        for at in 0..bytes.len() {
            for mask in [0x01, 0x80, 0xff] {
                damaged[at] = bytes[at] ^ mask;
                let cut = &damaged[..at];
                for contents in [&damaged[..], cut] {
                    let rewritten = rewritten(&parsed, |parts| match section {
                        Section::Funcs => parts.funcs = contents,
                        Section::Traps => parts.traps = contents,
                        Section::AddrMap => parts.address_map = contents,
                        _ => parts.elements = contents,
                    });
                    let name = section.name();
                    let _either_way = exercise_damaged(&rewritten, || {
                        format!("{name}: byte {at} ^ {mask:#x}, {} bytes", contents.len())
                    });
                }
            }
            damaged[at] = bytes[at];
        }
    }
}

#[test]
fn a_manifest_that_points_nowhere_is_refused() {
    type Change = fn(&mut Manifest);
    let changes: [(&str, Change); 16] = [
        ("an import's type", |m| {
            m.imports[0].ty = ImportType::Func(99)
        }),
        ("an export's index", |m| {
            m.exports[0].index = ExternIndex::Func(99)
        }),
        ("a memory's maximum", |m| {
            m.memories[0].ty.maximum_pages = Some(0)
        }),
        ("a memory's size", |m| {
            m.memories[0].ty.minimum_pages = 1 << 40
        }),
        ("an extent's place", |m| {
            m.memories[0].image[0].memory_offset = 1 << 40
        }),
        ("an extent's source", |m| {
            m.memories[0].image[0].image_offset = u64::MAX - 4095
        }),
        ("an extent's length", |m| {
            m.memories[0].image[0].len = 1 << 40
        }),
        ("an extent's alignment", |m| m.memories[0].image[0].len = 1),
        ("a constant table's place", |m| {
            m.tables[0].constant = Some(Range32 {
                offset: 8,
                len: u32::MAX,
            });
        }),
        ("a constant table's length", |m| {
            m.tables[0].ty.minimum = 1 << 30
        }),
        ("a table's type", |m| m.tables[1].ty.element = ValType::I32),
        ("a global's type", |m| {
            m.globals[0].ty.content = ValType::F32
        }),
        ("a data segment's bytes", |m| {
            m.data_segments[1].bytes.offset = u32::MAX
        }),
        ("the list of escaping functions", |m| {
            m.escaping.len = u32::MAX - 3
        }),
        ("the start function", |m| m.start = Some(99)),
        ("a trampoline", |m| {
            m.entry_trampolines[0].as_mut().unwrap().direct = Some(u32::MAX);
        }),
    ];
    let good = artifact(EVERYTHING);
    let parsed = Artifact::parse(&good).unwrap();
    for (what, change) in changes {
        let mut manifest = parsed.manifest().clone();
        change(&mut manifest);
        let bytes = rewritten(&parsed, |parts| parts.manifest = &manifest);
        let opened = exercise_damaged(&bytes, || what.to_owned());
        let error = opened.expect_err(what);
        assert!(
            matches!(
                error,
                ArtifactError::Damaged {
                    section: Some(Section::Manifest),
                    ..
                }
            ),
            "{what}: {error}"
        );
    }
}

#[test]
fn every_difference_is_reported_at_once() {
    let target = Target::host().unwrap();
    let wanted: CpuFeatures = [CpuFeature::Avx, CpuFeature::Popcnt].into_iter().collect();
    let host = Host {
        target,
        page_bytes: 1 << 20,
        cpu_features: CpuFeatures::NONE,
    };
    let bytes = artifact("(module)");
    let original = Artifact::parse(&bytes).unwrap();
    let bytes = rewritten(&original, |parts| parts.cpu_features = wanted);
    let error = Artifact::parse_on(&bytes, &host).unwrap_err();
    let ArtifactError::Incompatible(differences) = error else {
        panic!("{error}")
    };
    let expected = [
        Difference::CpuFeatures { missing: wanted },
        Difference::PageBytes {
            artifact: target.page_bytes(),
            host: host.page_bytes,
        },
    ];
    assert_eq!(differences, expected);
}

#[test]
fn another_version_and_another_machine_are_reported_before_digests() {
    let mut bytes = artifact("(module)");
    let note = {
        let artifact = Artifact::parse(&bytes).unwrap();
        artifact.section(Section::Note).as_ptr().addr() - bytes.as_ptr().addr()
    };
    // The descriptor starts behind three words and the name; the first two words are versions.
    let descriptor = note + 12 + 8;
    bytes[descriptor] += 1;
    bytes[descriptor + 4] += 1;
    let target = Target::host().unwrap();
    let other = match parse_target("x86_64-unknown-linux-gnu").unwrap() {
        x86_64 if x86_64 != target => x86_64,
        _ => aarch64(),
    };
    let host = Host {
        target: other,
        page_bytes: 4096,
        cpu_features: CpuFeatures::NONE,
    };
    let error = Artifact::parse_on(&bytes, &host).unwrap_err();
    let ArtifactError::Incompatible(differences) = &error else {
        panic!("{error}")
    };
    assert!(
        matches!(
            differences[..],
            [
                Difference::FormatVersion { artifact: 2.. },
                Difference::AbiVersion { artifact: 2.. },
                Difference::Target { .. },
                ..
            ]
        ),
        "{differences:?}"
    );
    assert!(
        error.to_string().contains("compile the module again"),
        "{error}"
    );
}

#[cfg(target_arch = "x86_64")]
#[test]
fn an_artifact_for_another_machine_is_refused_by_name() {
    let mut options = Options::for_target(aarch64());
    options.threads = NonZeroUsize::new(1);
    let bytes = compile(&wasm(EVERYTHING), &options).unwrap();
    let error = Module::check(&bytes).unwrap_err();
    assert!(matches!(
        error,
        Error::Artifact(ArtifactError::Incompatible(_))
    ));
    let text = error.to_string();
    assert!(text.contains("aarch64-unknown-linux"), "{text}");
    assert!(text.contains("x86_64-unknown-linux"), "{text}");
}

#[test]
fn the_examples_compile_for_every_target() {
    let examples = files_below(&repository().join("examples"), "wasm");
    assert!(!examples.is_empty());
    for path in examples {
        let module = std::fs::read(&path).unwrap();
        for triple in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"] {
            let options = Options {
                opt_level: precast_compiler::OptLevel::None,
                ..Options::for_target(parse_target(triple).unwrap())
            };
            let bytes = compile(&module, &options)
                .unwrap_or_else(|error| panic!("{} for {triple}: {error}", path.display()));
            let artifact = Artifact::parse(&bytes).unwrap();
            artifact.verify().unwrap();
            assert_eq!(artifact.note().target, options.target);
            let lacking = artifact
                .note()
                .cpu_features
                .difference(options.cpu_features);
            assert!(
                lacking.is_empty(),
                "code uses what it was not allowed: {lacking}"
            );
        }
    }
}

#[test]
fn the_usual_options_are_for_this_machine() {
    assert_eq!(Some(options().target), Target::host());
    Module::check(&artifact(EVERYTHING)).unwrap();
}

#[test]
fn binutils_read_artifacts_without_complaint() {
    let tool = |name: &str, arguments: &[&str], file: &std::path::Path| {
        let run = std::process::Command::new(name)
            .args(arguments)
            .arg(file)
            .env("LC_ALL", "C")
            .output();
        match run {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                println!("skipped: no {name}");
                None
            }
            run => {
                let output = run.expect("the tool runs");
                let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
                assert_eq!(complaints, "", "{name} {arguments:?}");
                Some(String::from_utf8_lossy(&output.stdout).into_owned())
            }
        }
    };
    let wasm = std::fs::read(precast_tests::repository().join("examples/calc/calc.wasm"));
    let wasm = wasm.expect("the example is there");
    let artifact = precast_tests::Compiled::new(&wasm, &precast_tests::options());
    let name = format!("precast-binutils-{}.precast", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, artifact.expect("it compiles").bytes()).expect("it is written");
    let tables = tool("readelf", &["--all", "--wide"], &path);
    // The disassembler knows its own machine only.
    let code = if cfg!(target_arch = "x86_64") {
        tool("objdump", &["--disassemble"], &path)
    } else {
        None
    };
    std::fs::remove_file(&path).expect("it was there");
    if let Some(tables) = tables {
        for part in [".note.precast", "precast_raise", "precast.table.0"] {
            assert!(tables.contains(part), "{part}");
        }
    }
    if let Some(code) = code {
        assert!(code.contains("<_start>:"));
    }
}

#[test]
fn custom_sections_are_kept_as_they_were_but_for_names() {
    let wasm = wasm(
        r#"(module
          (@custom "first" "one")
          (@custom ".debug_info" "two")
          (func $named)
          (@custom "first" "three")
          (@custom "empty" ""))"#,
    );
    let engine = Engine::default();
    let kept = |custom_sections| {
        let options = Options {
            custom_sections,
            ..options()
        };
        let compiled = Compiled::new(&wasm, &options).unwrap();
        let module = load(&engine, &compiled).unwrap();
        let sections = module.custom_sections();
        let sections: Vec<_> = sections
            .map(|(name, contents)| (name.to_owned(), contents.to_owned()))
            .collect();
        for (name, _) in &sections {
            let first = sections.iter().find(|(other, _)| other == name);
            assert_eq!(module.custom_section(name), first.map(|(_, c)| &**c));
        }
        assert_eq!(module.custom_section("name"), None);
        sections
    };
    let section = |name: &str, contents: &[u8]| (name.to_owned(), contents.to_owned());
    let all = [
        section("first", b"one"),
        section(".debug_info", b"two"),
        section("first", b"three"),
        section("empty", b""),
    ];
    assert_eq!(kept(CustomSections::All), all);
    let [first, _, third, empty] = all;
    assert_eq!(kept(CustomSections::NoDebug), [first, third, empty]);
    assert_eq!(kept(CustomSections::None), []);
}
