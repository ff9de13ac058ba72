//! Artifacts that are opened to be looked at: safe for any bytes, for any machine, and what has
//! been looked at is what runs.

use std::panic::catch_unwind;
use std::path::PathBuf;

use precast_artifacts_format::{self as format, ArtifactParts, CustomSections, Section};
use precast_compiler::{Options, compile, parse_target};
use precast_loader::{
    Arch, Artifact, ArtifactError, Difference, Engine, Error, Instance, Module, Store,
};
use precast_tests::{artifact, call, module, options, wasm};

const TEXT: &str = r#"
    (module $everything
      (import "env" "g" (global $g i64))
      (import "env" "f" (func $f (param i32) (result f32)))
      (import "env" "t" (table $t 1 externref))
      (import "env" "m" (memory $m 1 2))
      (memory (export "z") 1 2)
      (table (export "table") 2 4 funcref)
      (global (export "own") (mut v128) (v128.const i64x2 1 2))
      (export "g" (global $g))
      (export "f" (func $f))
      (export "t" (table $t))
      (export "m" (memory $m))
      (data (memory 1) (i32.const 8) "hello")
      (func (export "a") (result i32) (i32.const 1)))
"#;

fn is_send_and_sync<T: Send + Sync>(_: &T) {}

/// Imports and exports in words.
fn described<'a>(
    imports: impl Iterator<Item = (&'a str, &'a str, precast_loader::ExternType)>,
    exports: impl Iterator<Item = (&'a str, precast_loader::ExternType)>,
) -> Vec<String> {
    let imports = imports.map(|(module, name, ty)| format!("{module}.{name}: {ty}"));
    let exports = exports.map(|(name, ty)| format!("{name}: {ty}"));
    imports.chain(exports).collect()
}

/// Looks at everything there is.
fn exercise(artifact: &Artifact<'_>) -> usize {
    let names = described(artifact.imports(), artifact.exports());
    for export in &names {
        let _ = artifact.export(export);
    }
    let custom: usize = artifact.custom_sections().map(|(_, data)| data.len()).sum();
    let _ = (artifact.verify(), artifact.check_host());
    let _ = format!("{artifact:?} {:?} {:?}", artifact.note(), artifact.name());
    names.len() + custom + artifact.features().len() + artifact.text_bytes()
}

/// The artifact written once more, with custom sections.
fn with_custom_sections(bytes: &[u8], sections: &[(&str, &[u8])]) -> Vec<u8> {
    let artifact = format::Artifact::parse(bytes).unwrap();
    format::write(&ArtifactParts {
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
        custom: &CustomSections::encode(sections),
        symbols: &[],
    })
}

/// A file that is gone when this is.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let name = format!("precast-opening-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn what_is_opened_says_the_same_as_what_is_loaded() {
    let bytes = artifact(TEXT);
    let file = TemporaryFile::new("same.precast", &bytes);
    let loaded = module(&Engine::default(), TEXT);
    let expected = described(loaded.imports(), loaded.exports());
    assert_eq!(
        expected,
        [
            "env.g: (global i64)",
            "env.f: (func (param i32) (result f32))",
            "env.t: (table 1 externref)",
            "env.m: (memory 1 2)",
            "z: (memory 1 2)",
            "table: (table 2 4 funcref)",
            "own: (global (mut v128))",
            "g: (global i64)",
            "f: (func (param i32) (result f32))",
            "t: (table 1 externref)",
            "m: (memory 1 2)",
            "a: (func (result i32))",
        ]
    );
    let opened = [
        Module::open(&file.0).unwrap(),
        Module::open_bytes(&bytes[..]).unwrap(),
        Module::open_bytes(bytes.clone()).unwrap(),
    ];
    for artifact in &opened {
        is_send_and_sync(artifact);
        assert_eq!(described(artifact.imports(), artifact.exports()), expected);
        assert_eq!(artifact.export("a"), loaded.export("a"));
        assert_eq!(artifact.export("b"), None);
        assert_eq!(artifact.name(), Some("everything"));
        assert_eq!(artifact.note(), loaded.note());
        assert_eq!(artifact.features(), loaded.features());
        assert_eq!(artifact.text_bytes(), loaded.text_bytes());
        assert_eq!(artifact.bytes(), bytes);
        artifact.check_host().unwrap();
        artifact.verify().unwrap();
    }
}

#[test]
fn bytes_need_not_be_aligned() {
    let bytes = artifact(TEXT);
    let mut room = vec![0; bytes.len() + 16];
    for offset in 0..16 {
        let place = &mut room[offset..][..bytes.len()];
        place.copy_from_slice(&bytes);
        let artifact = Module::open_bytes(&*place).unwrap();
        artifact.verify().unwrap();
        assert_eq!(artifact.exports().count(), 8);
        Module::check(place).unwrap();
    }
}

#[test]
fn an_artifact_for_another_machine_can_be_opened_but_not_loaded() {
    let options = Options {
        cpu_features: precast_artifacts_format::CpuFeatures::default(),
        target: parse_target("aarch64-unknown-linux-gnu").unwrap(),
        ..options()
    };
    let bytes = compile(&wasm(TEXT), &options).unwrap();
    let artifact = Module::open_bytes(&bytes).unwrap();
    assert_eq!(artifact.note().target.arch, Arch::Aarch64);
    assert_eq!(artifact.exports().count(), 8);
    artifact.verify().unwrap();
    if cfg!(target_arch = "aarch64") {
        return;
    }
    // SAFETY: the compiler has just written it; it will be refused.
    let loaded = unsafe { artifact.load(&Engine::default()) };
    for error in [artifact.check_host().unwrap_err(), loaded.unwrap_err()] {
        let Error::Artifact(ArtifactError::Incompatible(differences)) = &error else {
            panic!("{error}")
        };
        assert!(matches!(
            differences[0],
            Difference::Target { artifact, .. } if artifact.arch == Arch::Aarch64
        ));
    }
}

#[test]
fn what_has_been_opened_is_what_runs() {
    let program = |number| {
        format!(r#"(module (func (export "run") (param i32) (result i32) (i32.const {number})))"#)
    };
    let [one, two] = [1, 2].map(|number| artifact(&program(number)));
    let file = TemporaryFile::new("changing.precast", &one);
    let opened = Module::open(&file.0).unwrap();
    std::fs::write(&file.0, two).unwrap();
    let engine = Engine::default();
    // SAFETY: the compiler has written it.
    let module = unsafe { opened.load(&engine).unwrap() };
    drop(opened);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    assert_eq!(call(&mut store, instance, "run", 0).unwrap(), 1);
}

#[test]
fn a_module_without_a_name_is_called_by_its_file() {
    let trap = artifact(r#"(module (func (export "run") (param i32) (result i32) unreachable))"#);
    let file = TemporaryFile::new("nameless.precast", &trap);
    let engine = Engine::default();
    // SAFETY: the compiler has written it.
    let module = unsafe { Module::open(&file.0).unwrap().load(&engine).unwrap() };
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let error = call(&mut store, instance, "run", 0).unwrap_err();
    let frames = error.backtrace().unwrap().frames();
    let stem = file.0.file_stem().unwrap().to_str().unwrap();
    assert_eq!(frames[0].module_name(), stem);
}

#[test]
fn damage_that_opening_does_not_see_is_seen_by_verifying() {
    let mut bytes = artifact(TEXT);
    let at = bytes.windows(5).position(|it| it == b"hello").unwrap();
    bytes[at] ^= 1;
    let artifact = Module::open_bytes(&bytes).unwrap();
    let error = artifact.verify().unwrap_err();
    let Error::Artifact(ArtifactError::Damaged { section, .. }) = &error else {
        panic!("{error}")
    };
    assert_eq!(*section, Some(Section::Image));
}

#[test]
fn custom_sections_are_read_from_what_is_opened() {
    let sections: [(&str, &[u8]); 3] = [("a", b"first"), ("b", b""), ("a", b"second")];
    let bytes = with_custom_sections(&artifact(TEXT), &sections);
    let artifact = Module::open_bytes(bytes).unwrap();
    assert!(artifact.custom_sections().eq(sections));
    assert_eq!(artifact.custom_section("a"), Some(&b"first"[..]));
    assert_eq!(artifact.custom_section("c"), None);
}

#[test]
fn any_bytes_can_be_opened_and_looked_at() {
    let good = with_custom_sections(&artifact(TEXT), &[("custom", &[7; 30])]);
    let mut opened = 0;
    let mut check = |bytes: &[u8], what: &dyn Fn() -> String| {
        let looked = catch_unwind(|| Module::open_bytes(bytes).map(|it| exercise(&it)));
        match looked {
            Ok(Ok(_)) => opened += 1,
            Ok(Err(Error::Artifact(_))) => {}
            Ok(Err(error)) => panic!("{}: another error: {error}", what()),
            Err(_) => panic!("{}: looking panicked", what()),
        }
    };
    let paged = good.len().min(0x3000);
    for len in (0..paged).step_by(7).chain([good.len() - 1]) {
        check(&good[..len], &|| format!("{len} bytes"));
    }
    // Code and images mean nothing here, nor does what pads them.
    let interesting: Vec<usize> = {
        let artifact = format::Artifact::parse(&good).unwrap();
        let is_dull = |at: usize| {
            let around = &good[at.saturating_sub(16)..good.len().min(at + 16)];
            let mut dull = [Section::Text, Section::Image].into_iter();
            around.iter().all(|&byte| byte == 0)
                || dull.any(|section| {
                    let start = artifact.file_offset(section) as usize;
                    (start..start + artifact.section(section).len()).contains(&at)
                })
        };
        (0..good.len()).filter(|&at| !is_dull(at)).collect()
    };
    assert!(interesting.len() > 1_000);
    let mut bad = good.clone();
    for at in interesting {
        for mask in [0x01, 0xff] {
            bad[at] ^= mask;
            check(&bad, &|| format!("byte {at:#x} ^ {mask:#x}"));
            bad[at] ^= mask;
        }
    }
    assert!(opened > 100, "some damage is seen by verifying only");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Module::open("/nowhere/app.precast").unwrap_err();
    let Error::Io(io) = &error else {
        panic!("{error}")
    };
    assert_eq!(io.error().kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().contains("/nowhere/app.precast"));
    let error = Module::open("/").unwrap_err();
    assert!(matches!(error, Error::Io(_)), "a folder: {error}");
}

#[test]
fn exports_have_the_types_of_what_was_imported_or_defined() {
    let wat = r#"
        (module
          (import "m" "g" (global i64))
          (import "m" "f" (func (param i32)))
          (import "m" "t" (table 1 externref))
          (import "m" "h" (func (param f32)))
          (import "m" "m" (memory 3 4))
          (func (result i64) (i64.const 0))
          (table 2 funcref)
          (memory 1)
          (global (mut f32) (f32.const 0))
          (export "defined memory" (memory 1)) (export "memory" (memory 0))
          (export "defined table" (table 1)) (export "table" (table 0))
          (export "defined global" (global 1)) (export "global" (global 0))
          (export "defined" (func 2)) (export "second" (func 1)) (export "first" (func 0))
          (export "again" (func 0)))
    "#;
    let artifact = artifact(wat);
    let opened = Module::open_bytes(&artifact).unwrap();
    let exports = opened.exports().map(|(name, ty)| format!("{name}: {ty}"));
    assert_eq!(
        exports.collect::<Vec<_>>(),
        [
            "defined memory: (memory 1)",
            "memory: (memory 3 4)",
            "defined table: (table 2 funcref)",
            "table: (table 1 externref)",
            "defined global: (global (mut f32))",
            "global: (global i64)",
            "defined: (func (result i64))",
            "second: (func (param f32))",
            "first: (func (param i32))",
            "again: (func (param i32))",
        ]
    );
    for (name, ty) in opened.exports() {
        assert_eq!(opened.export(name), Some(ty));
    }
}

#[test]
fn only_regular_files_are_opened() {
    for path in ["/dev/zero", "/"] {
        let error = precast_loader::Module::open(path).unwrap_err().to_string();
        assert!(error.contains("no regular file"), "{path}: {error}");
    }
}
