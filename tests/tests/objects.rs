//! What a linker makes of an object is the code of the artifact: the relocations are applied here as
//! the processors' supplements to ELF define them, with everything where the artifact has it, and
//! not a byte may differ.

use std::num::NonZeroUsize;

use object::LittleEndian as LE;
use object::elf::{self, FileHeader64, Sym64};
use object::read::elf::{FileHeader as _, Rela as _, SectionHeader as _, Sym as _};
use precast_artifacts_format::{Artifact, Section};
use precast_compiler::{
    Arch, Compilation, CpuFeatures, Features, Options, Os, Output, Target, compile,
};
use precast_tests::{files_below, repository, wasm};

const ARCHS: [Arch; 2] = [Arch::X86_64, Arch::Aarch64];

fn options(arch: Arch) -> Options {
    let target = Target {
        arch,
        os: Os::Linux,
    };
    Options {
        threads: Some(NonZeroUsize::MIN),
        features: Features::ALL,
        ..Options::for_target(target)
    }
}

fn object(wasm: &[u8], options: &Options) -> Vec<u8> {
    let compilation = Compilation::new(wasm, options).output(Output::Object);
    compilation.run().unwrap().bytes
}

/// Bytes of the section of that name.
fn section<'a>(object: &'a [u8], name: &str) -> &'a [u8] {
    let header = FileHeader64::<LE>::parse(object).unwrap();
    let sections = header.sections(LE, object).unwrap();
    let (_, section) = sections.section_by_name(LE, name.as_bytes()).unwrap();
    section.data(LE, object).unwrap()
}

/// The section of that name with its relocations applied, if it starts at `start`, and a symbol's
/// address or that of its slot are what `address` says of its name and of what section it is the
/// start.
fn linked(
    object: &[u8],
    name: &str,
    start: u64,
    address: impl Fn(&str, Option<&str>) -> u64,
) -> (Vec<u8>, usize) {
    let mut bytes = section(object, name).to_vec();
    let header = FileHeader64::<LE>::parse(object).unwrap();
    let sections = header.sections(LE, object).unwrap();
    let symbols = sections.symbols(LE, object, elf::SHT_SYMTAB).unwrap();
    let rela = format!(".rela{name}");
    let (_, rela) = sections.section_by_name(LE, rela.as_bytes()).unwrap();
    let (relas, _) = rela.rela(LE, object).unwrap().unwrap();
    for rela in relas {
        let symbol: &Sym64<LE> = symbols
            .symbol(rela.symbol(LE, false).unwrap())
            .expect("a relocation has a symbol");
        let name = str::from_utf8(symbol.name(LE, symbols.strings()).unwrap()).unwrap();
        let of_section = (symbol.st_type() == elf::STT_SECTION).then(|| {
            let index = object::SectionIndex(symbol.st_shndx(LE).into());
            let section = sections.section(index).unwrap();
            str::from_utf8(sections.section_name(LE, section).unwrap()).unwrap()
        });
        let field = rela.r_offset(LE) as usize;
        let (place, target) = (start + field as u64, address(name, of_section));
        let target = target.wrapping_add_signed(rela.r_addend(LE));
        let field = bytes[field..].first_chunk_mut::<4>().unwrap();
        let word = u32::from_le_bytes(*field);
        let pages = (target >> 12).wrapping_sub(place >> 12) as u32;
        let distance = target.wrapping_sub(place) as u32;
        let x86 = header.e_machine(LE) == elf::EM_X86_64;
        let filled = match rela.r_type(LE, false) {
            elf::R_X86_64_PC32 | elf::R_X86_64_GOTPCREL if x86 => distance,
            elf::R_AARCH64_PREL32 if !x86 => distance,
            elf::R_AARCH64_ADR_PREL_PG_HI21 | elf::R_AARCH64_ADR_GOT_PAGE if !x86 => {
                assert_eq!(word & 0x9f00_0000, 0x9000_0000, "adrp");
                word & !0x60ff_ffe0 | (pages & 3) << 29 | (pages >> 2 & 0x7_ffff) << 5
            }
            elf::R_AARCH64_ADD_ABS_LO12_NC if !x86 => {
                assert_eq!(word & 0xffc0_0000, 0x9100_0000, "add");
                word & !0x3f_fc00 | (target as u32 & 0xfff) << 10
            }
            elf::R_AARCH64_LD64_GOT_LO12_NC if !x86 => {
                assert_eq!(word & 0xffc0_0000, 0xf940_0000, "ldr");
                word & !0x3f_fc00 | (target as u32 & 0xff8) << 7
            }
            other => panic!("relocation {other}"),
        };
        *field = filled.to_le_bytes();
    }
    (bytes, relas.len())
}

/// Compares object and artifact of a module; says how many relocations the object has.
fn check(wasm: &[u8], options: &Options) -> usize {
    let bytes = compile(wasm, options).unwrap();
    let artifact = Artifact::parse(&bytes).unwrap();
    let object = object(wasm, options);
    let file_offset = |section| artifact.file_offset(section);
    let address = |name: &str, section: Option<&str>| match section {
        Some(".text") => file_offset(Section::Text),
        Some(".precast.tables") => file_offset(Section::Tables),
        Some(other) => panic!("{other}"),
        None => {
            let slots = artifact.manifest().got.iter();
            let slot = slots.zip(0..).find(|(symbol, _)| *symbol == name);
            let (_, slot): (_, u64) = slot.expect("what is undefined is a runtime symbol");
            file_offset(Section::Got) + slot * 8
        }
    };
    let mut relocations = 0;
    for section in [Section::Text, Section::Tables] {
        let (found, count) = linked(&object, section.name(), file_offset(section), address);
        assert!(found == artifact.section(section), "{}", section.name());
        relocations += count;
    }
    relocations
}

#[test]
fn objects_become_the_code_of_artifacts() {
    let mut relocations = [0; 2];
    let mut modules = 0;
    for path in files_below(&repository().join("tests/filetests/run"), "wat") {
        let Ok(wasm) = wat::parse_file(&path) else {
            continue;
        };
        for (arch, all) in ARCHS.into_iter().zip(&mut relocations) {
            *all += check(&wasm, &options(arch));
        }
        // The oldest CPUs and code that tells of all it does call the runtime most.
        let mut talkative = options(Arch::X86_64);
        talkative.cpu_features = CpuFeatures::NONE;
        talkative.listeners = true;
        talkative.tunables.fuel = true;
        check(&wasm, &talkative);
        modules += 1;
    }
    assert!(modules > 50, "{modules}");
    assert!(
        relocations.iter().all(|&count| count > 50),
        "{relocations:?}"
    );
}

#[test]
fn objects_are_the_same_whatever_the_threads() {
    let text: String = (0..100)
        .map(|number| format!("(func (export \"{number}\") (drop (memory.grow (i32.const 1))))"))
        .collect();
    let wasm = wasm(&format!("(module (memory 1) {text})"));
    for arch in ARCHS {
        let one = options(arch);
        let many = Options {
            threads: NonZeroUsize::new(4),
            ..one.clone()
        };
        assert_eq!(object(&wasm, &one), object(&wasm, &many));
    }
}

/// Name, whether it is global, and value of each symbol that names code.
fn code_symbols(object: &[u8]) -> Vec<(String, bool, u64)> {
    let header = FileHeader64::<LE>::parse(object).unwrap();
    let sections = header.sections(LE, object).unwrap();
    let symbols = sections.symbols(LE, object, elf::SHT_SYMTAB).unwrap();
    let code = symbols.iter().filter(|it| it.st_type() == elf::STT_FUNC);
    code.map(|symbol| {
        let name = symbol.name(LE, symbols.strings()).unwrap();
        let is_global = symbol.st_bind() == elf::STB_GLOBAL;
        let name = String::from_utf8(name.to_vec()).unwrap();
        (name, is_global, symbol.st_value(LE))
    })
    .collect()
}

#[test]
fn exported_functions_are_global_under_names_that_clash_with_none() {
    let text = r#"(module
        (import "env" "f" (func $f))
        (export "again" (func $f))
        (func $main (export "main") (export "memcpy") (export "a@@1") (call $f))
        (func $hidden (result v128) (v128.const i64x2 0 0))
        (func (export "") (export "a\00b") (export "a\ef\bf\bdb"))
        (func (export "vector") (result v128) (call $hidden)))"#;
    for arch in ARCHS {
        let symbols = code_symbols(&object(&wasm(text), &options(arch)));
        let locals = symbols.iter().filter(|(_, is_global, _)| !is_global);
        let locals: Vec<&str> = locals.map(|(name, ..)| name.as_str()).collect();
        assert!(
            locals.starts_with(&["main", "hidden", "", "vector"]),
            "{locals:?}"
        );
        let value = |wanted: &str, global: bool| {
            let mut found = symbols
                .iter()
                .filter(|it| (it.0.as_str(), it.1) == (wanted, global));
            let value = found.next().map(|&(.., value)| value);
            assert!(found.next().is_none(), "{wanted} is there twice");
            value
        };
        let main = value("main", false);
        for name in ["wasm_func_main", "wasm_func_memcpy", "wasm_func_a$40$401"] {
            assert_eq!(value(name, true), main, "{name}");
        }
        let entry = value("precast.entry.0", false);
        assert!(entry.is_some());
        for name in ["main", "", "a$00b", "a$ef$bf$bdb"] {
            assert_eq!(value(&format!("wasm_entry_{name}"), true), entry, "{name}");
        }
        assert!(value("wasm_entry_vector", true).is_some());
        assert_eq!(
            value("wasm_direct_vector", true),
            None,
            "vectors need slots"
        );
        let of = |part| {
            symbols
                .iter()
                .filter(|it| it.1 && it.0.contains(part))
                .count()
        };
        assert_eq!((of("again"), of("hidden")), (0, 0));
        assert_eq!(of("wasm_"), symbols.iter().filter(|it| it.1).count());
    }
}
