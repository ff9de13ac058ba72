//! Everything that can be read of an artifact, read.

use precast_artifacts_format::{
    Artifact, DataMode, ElementItems, ElementMode, ExternIndex, Manifest, Section,
};
use precast_loader::Module;

use crate::bounded::bounded;

/// What looking at an artifact may hold of the host's memory, in bytes: some, and some for each of its own.
/// A list that claims to be long gets a mebibyte before its entries are read (serde's), and so does one
/// within it; entries of a manifest are a byte or more, and a structure when they are read.
const MOST_HELD: usize = 4 << 20;
const MOST_HELD_PER_BYTE: usize = 64;

/// Opening is total: any bytes give an artifact or an error, and whatever opened can be read to its
/// end, with memory in proportion. Gives the artifact, if it is one.
///
/// # Panics
///
/// If a promise is broken.
pub fn check(bytes: &[u8]) -> Option<Artifact<'_>> {
    let len = bytes.len();
    let what = || format!("looking at {len} bytes");
    bounded(MOST_HELD + len * MOST_HELD_PER_BYTE, what, || read(bytes))
}

/// As [`check`], whatever it holds.
fn read(bytes: &[u8]) -> Option<Artifact<'_>> {
    let head = &bytes[..bytes.len().min(Artifact::HEAD_BYTES)];
    let note = Artifact::note_of_head(head, bytes.len() as u64);
    let opened = Module::open_bytes(bytes);
    let checked = Module::check(bytes);
    if let Ok(opened) = &opened {
        // Tables are looked at by whoever opens, and not by whoever loads.
        assert_eq!(opened.check_host().is_ok(), checked.is_ok());
    }
    let artifact = match Artifact::parse(bytes) {
        Ok(artifact) => artifact,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(opened.is_err(), "the loader opens what the format refuses");
            return None;
        }
    };
    if let Ok(note) = &note {
        assert_eq!(note, artifact.note(), "the head says the same");
    }
    tables(&artifact);
    manifest(&artifact);
    let verified = artifact.verify();
    if let Ok(opened) = opened {
        assert_eq!(opened.verify().is_ok(), verified.is_ok());
        assert_eq!(opened.imports().count(), artifact.manifest().imports.len());
        // The list of functions is looked at where it is used: one of no type is nothing's export.
        let types = artifact.manifest().types.len();
        let mut funcs = (0..).map_while(|index| artifact.funcs().get(index));
        let is_sound = funcs.all(|entry| (entry.type_index as usize) < types);
        let exports = artifact.manifest().exports.len();
        assert!(!is_sound || opened.exports().count() == exports);
        for (name, _) in opened.exports() {
            assert!(opened.export(name).is_some());
        }
        for (name, _) in opened.custom_sections() {
            let _found = opened.custom_section(name);
        }
    }
    Some(artifact)
}

/// No table gives more than its bytes can hold, nor less to those who look something up.
fn tables(artifact: &Artifact<'_>) {
    let funcs = artifact.funcs();
    for index in 0..funcs.len().min(1_000) as u32 {
        let _name = artifact.function_name(index);
        let entry = funcs.get(index).expect("as many as there are");
        let _end = funcs.end_of(index).expect("each ends");
        let _found = funcs.find(entry.text_offset);
        let _site = artifact.traps().lookup(entry.text_offset);
        let _pair = artifact.address_map().lookup(entry.text_offset);
    }
    // Blocks of an index, of 12 bytes and up to 128 entries, may all begin at the same data.
    let at_most = |count: usize, section: Section| {
        let bytes = artifact.section(section).len();
        let count = count.div_ceil(11);
        assert!(count <= bytes, "{count} entries in {bytes} bytes");
    };
    at_most(artifact.traps().iter().count(), Section::Traps);
    at_most(artifact.address_map().iter().count(), Section::AddrMap);
    at_most(artifact.custom_sections().iter().count(), Section::Custom);
    let unwind = artifact.unwind();
    at_most(unwind.return_offsets().count(), Section::Unwind);
    for offset in unwind.return_offsets().take(1_000) {
        if let Some(site) = unwind.lookup(offset) {
            at_most(site.handlers().count(), Section::Unwind);
        }
    }
    for symbol in artifact.code_symbols().take(1_000) {
        let end = u64::from(symbol.text_offset) + u64::from(symbol.code_bytes);
        assert!(end <= artifact.section(Section::Text).len() as u64);
    }
}

/// Indices and ranges are within what they point into.
fn manifest(artifact: &Artifact<'_>) {
    let manifest: &Manifest = artifact.manifest();
    let imported = manifest.imported();
    let funcs = imported.funcs as usize + artifact.funcs().len();
    let tables = imported.tables as usize + manifest.tables.len();
    let memories = imported.memories as usize + manifest.memories.len();
    let globals = imported.globals as usize + manifest.globals.len();
    let tags = imported.tags as usize + manifest.tags.len();
    for export in &manifest.exports {
        let (index, count) = match export.index {
            ExternIndex::Func(index) => (index, funcs),
            ExternIndex::Table(index) => (index, tables),
            ExternIndex::Memory(index) => (index, memories),
            ExternIndex::Global(index) => (index, globals),
            ExternIndex::Tag(index) => (index, tags),
        };
        assert!((index as usize) < count, "an export of what is not there");
    }
    assert!(manifest.start.is_none_or(|start| (start as usize) < funcs));
    let passive = artifact.section(Section::Passive);
    for segment in &manifest.data_segments {
        assert!(segment.bytes.of(passive).is_some());
        if let DataMode::Active { memory, .. } = segment.mode {
            assert!((memory as usize) < memories);
        }
    }
    let elements = artifact.section(Section::Elements);
    for segment in &manifest.element_segments {
        if let ElementItems::Funcs(range) = segment.items {
            assert!(range.of(elements).is_some());
        }
        if let ElementMode::Active { table, .. } = segment.mode {
            assert!((table as usize) < tables);
        }
    }
    let constant = artifact.section(Section::Tables);
    for plan in &manifest.tables {
        assert!(
            plan.constant
                .is_none_or(|range| range.of(constant).is_some())
        );
    }
    let image_bytes = artifact.section(Section::Image).len() as u64;
    for extent in manifest.memories.iter().flat_map(|plan| &plan.image) {
        let end = extent.image_offset.checked_add(extent.len);
        assert!(end.is_some_and(|end| end <= image_bytes));
    }
    assert!(manifest.escaping.of(elements).is_some());
    let types: usize = manifest.groups().map(|(_, group)| group.len()).sum();
    assert_eq!(types, manifest.types.len());
    let _layout = manifest.vmctx_layout();
}
