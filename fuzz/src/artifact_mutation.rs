//! Artifacts that are nearly right.
//!
//! Bytes at random are no ELF file, and damage at random does not get past the digests. So real
//! artifacts are changed where their structure is, and then sealed again: whoever can change a file
//! can change its digests. Three ways:
//!
//! - bytes anywhere in the file are overwritten, cut off, or put in between;
//! - fields of the headers and of the note become numbers where arithmetic goes wrong, together in
//!   both places where they stand;
//! - sections and the manifest are changed before the artifact is written.

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use precast_artifacts_format::{
    Artifact, ArtifactParts, ConstExpr, ConstOp, ElementItems, ExternIndex, ImportType, Manifest,
    Range32, Section, TypeGroup, write,
};
use precast_compiler::{Features, Options, compile};

use crate::reading;

/// A module with some of everything that an artifact has a place for.
const MODULE: &str = r#"(module $all
    (rec (type $one (func (result i32))) (type $two (func (param (ref null $one)))))
    (type $sub (sub (func)))
    (import "host" "f" (func $f (param i32 i64) (result f64)))
    (import "host" "t" (table 1 2 funcref))
    (import "host" "m" (memory 1))
    (import "host" "g" (global $g i32))
    (import "host" "e" (tag $e (param i32)))
    (tag $own (param i64))
    (memory $own (export "memory") 2 7)
    (memory i64 1)
    (table $constant funcref (elem $thrower $catcher))
    (table $changing (export "table") 10 20 funcref)
    (table 3 externref)
    (global $counter (export "counter") (mut i64) (i64.const 5))
    (global (export "sum") i32 (i32.add (global.get $g) (i32.const 3)))
    (global (ref func) (ref.func $thrower))
    (global v128 (v128.const i64x2 1 2))
    (data (memory $own) (i32.const 65530) "across two pages")
    (data (memory 0) (global.get $g) "somewhere")
    (data $passive "passive")
    (elem (table $changing) (i32.const 1) func $thrower $f)
    (elem $items funcref (ref.func $catcher) (ref.null func))
    (elem declare func $catcher)
    (func $thrower (export "thrower") (type $one)
      (throw $own (i64.load $own (i32.const 65536))))
    (func $catcher (export "catcher") (param i32) (result i32)
      (block $caught (result i64)
        (try_table (catch $own $caught) (drop (call_indirect $constant (type $one) (local.get 0))))
        (return (i32.div_s (i32.const 1) (local.get 0))))
      (i32.wrap_i64))
    (func $start (memory.init $own $passive (i32.const 0) (i32.const 0) (i32.const 1))
      (table.init $changing $items (i32.const 0) (i32.const 0) (i32.const 1))
      (drop (call $f (i32.const 1) (i64.const 2))))
    (start $start)
    (@custom "kept" "contents"))"#;

/// Numbers at which arithmetic goes wrong.
pub(crate) const EDGES: [u64; 20] = [
    0,
    1,
    2,
    3,
    7,
    8,
    63,
    64,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    4095,
    4096,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 32,
    1 << 63,
    u64::MAX,
];

/// [`MODULE`] in binary form.
pub(crate) fn module() -> Vec<u8> {
    wat::parse_str(MODULE).expect("the module's text")
}

/// The artifact of [`MODULE`], with and without checks and counting, and that of the empty module.
pub(crate) fn originals() -> &'static [Vec<u8>; 3] {
    static ORIGINALS: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    ORIGINALS.get_or_init(|| {
        let usual = Options {
            features: Features::ALL,
            ..Options::default()
        };
        let mut other = usual.clone();
        other.tunables.memory_checked = true;
        other.tunables.fuel = true;
        let wasm = module();
        let compile = |wasm: &[u8], options| compile(wasm, options).expect("the module compiles");
        [
            compile(&wasm, &usual),
            compile(&wasm, &other),
            compile(b"\0asm\x01\0\0\0", &usual),
        ]
    })
}

/// Any bytes, and artifacts that are nearly right, must open or give an error.
///
/// # Panics
///
/// If a promise is broken.
pub fn check(bytes: &[u8]) {
    reading::check(bytes);
    let mut u = Unstructured::new(bytes);
    if let Ok((original, changed, is_sealed)) = any(&mut u) {
        let found = reading::check(&changed);
        let same = found.filter(|artifact| !is_sealed && artifact.verify().is_ok());
        if let Some(artifact) = same {
            // Digests cover every section, and their places.
            let original = Artifact::parse(original).expect("an original");
            for section in Section::ALL {
                assert!(artifact.section(section) == original.section(section));
            }
        }
    }
}

/// An original, what has become of it, and whether it has been sealed again.
///
/// # Errors
///
/// None but those of the bytes.
pub(crate) fn any(u: &mut Unstructured<'_>) -> Result<(&'static [u8], Vec<u8>, bool)> {
    let original: &[u8] = u.choose(originals())?;
    Ok(match u.int_in_range(0..=3)? {
        0 => {
            let mut changed = original.to_vec();
            overwrite(&mut changed, u)?;
            let is_sealed = u.arbitrary()?;
            if is_sealed {
                seal(&mut changed);
            }
            (original, changed, is_sealed)
        }
        1 => {
            let mut changed = original.to_vec();
            fields(original, &mut changed, u)?;
            let is_sealed = u.ratio(7, 8)?;
            if is_sealed {
                seal(&mut changed);
            }
            (original, changed, is_sealed)
        }
        _ => (original, rewritten(original, u)?, true),
    })
}

/// Changes bytes anywhere.
pub(crate) fn overwrite(bytes: &mut Vec<u8>, u: &mut Unstructured<'_>) -> Result<()> {
    for _ in 0..u.int_in_range(1..=8)? {
        // Most is at the front; code and images are long and mean nothing here.
        let end = if u.ratio(3, 4)? { 4096 } else { bytes.len() };
        let Some(last) = bytes.len().min(end).checked_sub(1) else {
            return Ok(());
        };
        let at = u.int_in_range(0..=last)?;
        match u.int_in_range(0..=9)? {
            0 => bytes.truncate(at),
            1 => {
                let len = u.int_in_range(1..=64)?;
                let inserted = u.bytes(len)?.to_vec();
                bytes.splice(at..at, inserted);
            }
            2 => {
                let end = at + u.int_in_range(1..=64)?.min(bytes.len() - at);
                bytes.drain(at..end);
            }
            3..=5 => bytes[at] = u.arbitrary()?,
            _ => {
                let width = *u.choose(&[1, 2, 4, 8])?;
                put(bytes, at, width, *u.choose(&EDGES)?);
            }
        }
    }
    Ok(())
}

/// Changes fields of the ELF header, of section headers, and of the note.
fn fields(original: &[u8], bytes: &mut [u8], u: &mut Unstructured<'_>) -> Result<()> {
    let headers_at = get(original, 0x28, 8) as usize;
    let headers = get(original, 0x3c, 2) as usize;
    let artifact = Artifact::parse(original).expect("an original");
    let note_at = Note::find(original).expect("an original").at;
    for _ in 0..u.int_in_range(1..=4)? {
        let edge = *u.choose(&EDGES)?;
        match u.int_in_range(0..=4)? {
            0 => put(
                bytes,
                u.int_in_range(0..=63)?,
                *u.choose(&[1, 2, 4, 8])?,
                edge,
            ),
            1 => {
                let header = headers_at + 64 * u.int_in_range(0..=headers - 1)?;
                let (field, width) = *u.choose(&[
                    (0, 4),
                    (4, 4),
                    (8, 8),
                    (16, 8),
                    (24, 8),
                    (32, 8),
                    (40, 4),
                    (44, 4),
                    (48, 8),
                    (56, 8),
                ])?;
                put(bytes, header + field, width, edge);
            }
            2 => {
                let (field, width) = *u.choose(&[
                    (0, 4),
                    (4, 4),
                    (8, 1),
                    (9, 1),
                    (12, 4),
                    (16, 8),
                    (24, 8),
                    (32, 8),
                    (40, 1),
                    (41, 1),
                    (48, 4),
                    (52, 4),
                ])?;
                put(bytes, note_at + field, width, edge);
            }
            // The place and size of a section, in both places and so that they agree.
            _ => {
                let index = u.int_in_range(1..=Section::ALL.len() - 1)?;
                let section = Section::ALL[index];
                let moves = u.arbitrary()?;
                let value = if u.arbitrary()? {
                    edge
                } else {
                    let now = if moves {
                        artifact.file_offset(section)
                    } else {
                        artifact.section(section).len() as u64
                    };
                    now.wrapping_add_signed(u.int_in_range(-65..=65)?)
                };
                // Headers: the null section first, then all in order. Note: without itself.
                let header = headers_at + 64 * (index + 1);
                put(bytes, header + if moves { 24 } else { 32 }, 8, value);
                let entry = note_at + 56 + 56 * (index - 1);
                put(bytes, entry + if moves { 8 } else { 16 }, 8, value);
            }
        }
    }
    Ok(())
}

/// Writes the artifact anew, with other sections and another manifest.
fn rewritten(original: &[u8], u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let artifact = Artifact::parse(original).expect("an original");
    let mut sections = Section::ALL.map(|section| artifact.section(section).to_vec());
    let mut manifest = artifact.manifest().clone();
    if u.arbitrary()? {
        for _ in 0..u.int_in_range(1..=3)? {
            let tables = [
                Section::Tables,
                Section::Funcs,
                Section::Traps,
                Section::AddrMap,
                Section::Unwind,
                Section::Elements,
                Section::Passive,
                Section::Custom,
                Section::Image,
            ];
            let section = *u.choose(&tables)?;
            overwrite(&mut sections[section as usize], u)?;
        }
    } else {
        for _ in 0..u.int_in_range(1..=4)? {
            change(&mut manifest, u)?;
        }
    }
    let bytes_of = |section: Section| &sections[section as usize][..];
    let note = artifact.note();
    Ok(write(&ArtifactParts {
        target: note.target,
        cpu_features: note.cpu_features,
        tunables: note.tunables,
        compiler_version: &note.compiler_version,
        manifest: &manifest,
        text: bytes_of(Section::Text),
        tables: bytes_of(Section::Tables),
        funcs: bytes_of(Section::Funcs),
        traps: bytes_of(Section::Traps),
        address_map: bytes_of(Section::AddrMap),
        unwind: bytes_of(Section::Unwind),
        elements: bytes_of(Section::Elements),
        passive: bytes_of(Section::Passive),
        image: bytes_of(Section::Image),
        custom: bytes_of(Section::Custom),
        symbols: &[],
    }))
}

/// Changes one thing of the manifest.
fn change(manifest: &mut Manifest, u: &mut Unstructured<'_>) -> Result<()> {
    let edge = *u.choose(&EDGES)?;
    let number = edge as u32;
    match u.int_in_range(0..=21)? {
        0 => list(&mut manifest.types, u)?,
        1 => list(&mut manifest.type_groups, u)?,
        2 => list(&mut manifest.imports, u)?,
        3 => list(&mut manifest.exports, u)?,
        4 => list(&mut manifest.tables, u)?,
        5 => list(&mut manifest.memories, u)?,
        6 => list(&mut manifest.globals, u)?,
        7 => list(&mut manifest.data_segments, u)?,
        8 => list(&mut manifest.element_segments, u)?,
        9 => list(&mut manifest.entry_trampolines, u)?,
        10 => list(&mut manifest.import_trampolines, u)?,
        11 => list(&mut manifest.got, u)?,
        12 => manifest.start = Some(number),
        13 => range(&mut manifest.escaping, u)?,
        14 => manifest.type_groups.push(TypeGroup {
            first: number,
            len: *u.choose(&EDGES)? as u32,
        }),
        15 => {
            let tag = one(&mut manifest.tags, u)?;
            tag.into_iter().for_each(|tag| *tag = number);
        }
        16 => {
            if let Some(import) = one(&mut manifest.imports, u)? {
                match &mut import.ty {
                    ImportType::Func(ty) | ImportType::Tag(ty) => *ty = number,
                    ImportType::Table(ty) => ty.minimum = edge,
                    ImportType::Memory(ty) => ty.page_bytes_log2 = edge as u8,
                    ImportType::Global(ty) => ty.mutable ^= true,
                }
            }
        }
        17 => {
            if let Some(export) = one(&mut manifest.exports, u)? {
                export.index = match u.int_in_range(0..=4)? {
                    0 => ExternIndex::Func(number),
                    1 => ExternIndex::Table(number),
                    2 => ExternIndex::Memory(number),
                    3 => ExternIndex::Global(number),
                    _ => ExternIndex::Tag(number),
                };
            }
        }
        18 => {
            if let Some(plan) = one(&mut manifest.memories, u)? {
                plan.ty.minimum_pages = edge;
                plan.ty.maximum_pages = u.arbitrary()?;
                if let Some(extent) = one(&mut plan.image, u)? {
                    let fields = [
                        &mut extent.memory_offset,
                        &mut extent.image_offset,
                        &mut extent.len,
                    ];
                    *fields[u.int_in_range(0..=2)?] = edge;
                }
            }
        }
        19 => {
            if let Some(plan) = one(&mut manifest.tables, u)? {
                plan.constant.iter_mut().try_for_each(|it| range(it, u))?;
                plan.ty.minimum = edge;
                plan.init = expression(u)?;
            }
        }
        20 => {
            if let Some(segment) = one(&mut manifest.data_segments, u)? {
                range(&mut segment.bytes, u)?;
            }
            if let Some(segment) = one(&mut manifest.element_segments, u)? {
                match &mut segment.items {
                    ElementItems::Funcs(items) => range(items, u)?,
                    ElementItems::Exprs(items) => items.push(expression(u)?),
                }
            }
        }
        _ => {
            if let Some(plan) = one(&mut manifest.globals, u)? {
                plan.init = expression(u)?;
            }
        }
    }
    Ok(())
}

/// An expression that may make no sense.
fn expression(u: &mut Unstructured<'_>) -> Result<ConstExpr> {
    let number = *u.choose(&EDGES)? as u32;
    Ok(match u.int_in_range(0..=3)? {
        0 => ConstExpr::GlobalGet(number),
        1 => ConstExpr::RefFunc(number),
        2 => ConstExpr::I32(number as i32),
        _ => {
            let ops = (0..u.int_in_range(0..=5)?).map(|_| {
                Ok(*u.choose(&[
                    ConstOp::I32(1),
                    ConstOp::I64(1),
                    ConstOp::GlobalGet(number),
                    ConstOp::I32Add,
                    ConstOp::I64Mul,
                ])?)
            });
            ConstExpr::Ops(ops.collect::<Result<_>>()?)
        }
    })
}

fn range(range: &mut Range32, u: &mut Unstructured<'_>) -> Result<()> {
    let field = if u.arbitrary()? {
        &mut range.offset
    } else {
        &mut range.len
    };
    *field = *u.choose(&EDGES)? as u32;
    Ok(())
}

fn one<'a, T>(items: &'a mut [T], u: &mut Unstructured<'_>) -> Result<Option<&'a mut T>> {
    if items.is_empty() {
        return Ok(None);
    }
    let index = u.choose_index(items.len())?;
    Ok(items.get_mut(index))
}

/// Removes, doubles or swaps items.
fn list<T: Clone>(items: &mut Vec<T>, u: &mut Unstructured<'_>) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    let (from, to) = (u.choose_index(items.len())?, u.choose_index(items.len())?);
    match u.int_in_range(0..=2)? {
        0 => drop(items.remove(from)),
        1 => items.insert(to, items[from].clone()),
        _ => items.swap(from, to),
    }
    Ok(())
}

/// Where the note's descriptor is, by the section headers.
struct Note {
    at: usize,
    len: usize,
}

impl Note {
    fn find(bytes: &[u8]) -> Option<Self> {
        // The note is the first section behind the null section; its frame has 20 bytes.
        let header = (get(bytes, 0x28, 8) as usize).checked_add(64)?;
        bytes.get(header..header.checked_add(64)?)?;
        let at = (get(bytes, header + 24, 8) as usize).checked_add(20)?;
        let len = (get(bytes, header + 32, 8) as usize).checked_sub(20)?;
        bytes.get(at..at.checked_add(len)?)?;
        Some(Self { at, len })
    }
}

/// Makes all digests right again, as far as there still is a note.
fn seal(bytes: &mut [u8]) {
    const DIGEST_AND_SIGNATURE: usize = 32 + 96;
    let Some(Note { at, len }) = Note::find(bytes) else {
        return;
    };
    let Some(signed) = len.checked_sub(DIGEST_AND_SIGNATURE) else {
        return;
    };
    let entries = get(bytes, at + 48, 4).min(Section::ALL.len() as u64) as usize;
    for entry in (0..entries).map(|entry| 56 + 56 * entry) {
        if entry + 56 > signed {
            break;
        }
        let start = get(bytes, at + entry + 8, 8) as usize;
        let end = start.saturating_add(get(bytes, at + entry + 16, 8) as usize);
        if let Some(section) = bytes.get(start..end) {
            let digest = *blake3::hash(section).as_bytes();
            bytes[at + entry + 24..][..32].copy_from_slice(&digest);
        }
    }
    let digest = *blake3::hash(&bytes[at..][..signed]).as_bytes();
    bytes[at + signed..][..32].copy_from_slice(&digest);
}

/// A little-endian number; 0 where there is none.
fn get(bytes: &[u8], at: usize, width: usize) -> u64 {
    let mut number = [0; 8];
    if let Some(bytes) = at.checked_add(width).and_then(|end| bytes.get(at..end)) {
        number[..width].copy_from_slice(bytes);
    }
    u64::from_le_bytes(number)
}

pub(crate) fn put(bytes: &mut [u8], at: usize, width: usize, number: u64) {
    if let Some(bytes) = at.checked_add(width).and_then(|end| bytes.get_mut(at..end)) {
        bytes.copy_from_slice(&number.to_le_bytes()[..width]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise nothing that is sealed would get past the digests.
    #[test]
    fn what_is_sealed_matches_its_digests() {
        let mut bytes = originals()[0].clone();
        let artifact = Artifact::parse(&bytes).unwrap();
        let custom = artifact.file_offset(Section::Custom) as usize;
        bytes[custom + 12] ^= 1;
        assert!(Artifact::parse(&bytes).unwrap().verify().is_err());
        seal(&mut bytes);
        Artifact::parse(&bytes).unwrap().verify().unwrap();
    }

    #[test]
    fn the_note_is_found() {
        for original in originals() {
            let Note { at, len } = Note::find(original).unwrap();
            let artifact = Artifact::parse(original).unwrap();
            let note = artifact.section(Section::Note);
            assert_eq!(&note[20..], &original[at..][..len]);
        }
    }
}
