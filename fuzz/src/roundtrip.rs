//! What an artifact says of a module, against what the module says itself.
//!
//! The oracle is wasmparser, read anew: nothing here knows how the compiler reads modules. Images of
//! memories are compared with the segments that must be in them; what segments do at
//! instantiation is for [`differential`](crate::differential) to compare.

use arbitrary::{Result, Unstructured};
use precast_artifacts_format::{
    Artifact, ConstExpr, DataMode, ElementItems, ElementMode, ExternIndex, FuncType, GlobalType,
    ImportType, Manifest, MemoryType, Section, TableType, ValType,
};
use precast_compiler::{CustomSections, compile};
use wasmparser::{
    DataKind, ElementItems as Items, ElementKind, ExternalKind, Imports, Operator, Parser, Payload,
    TypeRef,
};

use crate::{inspection, modules, options, reading};

/// Compiles a module made of the bytes, and compares what is written with what was meant.
///
/// # Panics
///
/// If they differ.
pub fn check(bytes: &[u8]) {
    let _ = try_check(&mut Unstructured::new(bytes));
}

/// The same, and whether the module compiled.
///
/// # Errors
///
/// If the bytes are not enough for a module.
///
/// # Panics
///
/// As [`check`].
pub fn try_check(u: &mut Unstructured<'_>) -> Result<bool> {
    let options = options::any(u)?;
    let wasm = modules::to_compile(u)?;
    let Ok(bytes) = compile(&wasm, &options) else {
        return Ok(false);
    };
    let artifact = reading::check(&bytes).expect("what is written opens");
    artifact
        .verify()
        .expect("what is written matches its digests");
    assert!(inspection::describe(&bytes));
    assert_eq!(artifact.note().tunables, options.tunables);
    assert_eq!(artifact.note().target, options.target);
    assert!(
        artifact
            .note()
            .cpu_features
            .difference(options.cpu_features)
            .is_empty(),
        "code uses what it may not"
    );
    let meant = Meant::of(&wasm);
    interface(&meant, artifact.manifest());
    segments(&meant, &artifact);
    code(&meant, &artifact);
    custom_sections(&meant, &artifact, options.custom_sections);
    Ok(true)
}

/// A module as wasmparser sees it.
#[derive(Default)]
struct Meant<'a> {
    types: Vec<wasmparser::FuncType>,
    imports: Vec<wasmparser::Import<'a>>,
    exports: Vec<wasmparser::Export<'a>>,
    funcs: Vec<u32>,
    tables: Vec<wasmparser::TableType>,
    memories: Vec<wasmparser::MemoryType>,
    globals: Vec<wasmparser::GlobalType>,
    tags: Vec<u32>,
    start: Option<u32>,
    data: Vec<wasmparser::Data<'a>>,
    elements: Vec<wasmparser::Element<'a>>,
    /// Where each body is.
    bodies: Vec<std::ops::Range<u64>>,
    custom: Vec<(&'a str, &'a [u8])>,
    code_offset: u64,
}

fn all<T>(items: impl IntoIterator<Item = wasmparser::Result<T>>) -> Vec<T> {
    let items = items.into_iter().collect::<wasmparser::Result<_>>();
    items.expect("a module that compiles is valid")
}

impl<'a> Meant<'a> {
    fn of(wasm: &'a [u8]) -> Self {
        let mut meant = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.expect("a module that compiles is valid") {
                Payload::TypeSection(section) => {
                    let groups = all(section);
                    let types = groups.into_iter().flat_map(|group| group.into_types());
                    // Of other types, the compiler takes none.
                    meant.types = types.map(|ty| ty.unwrap_func().clone()).collect();
                }
                Payload::ImportSection(section) => {
                    for import in all(section) {
                        match import {
                            Imports::Single(_, import) => meant.imports.push(import),
                            _ => panic!("imports in a form that was not asked for"),
                        }
                    }
                }
                Payload::ExportSection(section) => meant.exports = all(section),
                Payload::FunctionSection(section) => meant.funcs = all(section),
                Payload::TableSection(section) => {
                    meant.tables = all(section).into_iter().map(|table| table.ty).collect();
                }
                Payload::MemorySection(section) => meant.memories = all(section),
                Payload::GlobalSection(section) => {
                    meant.globals = all(section).into_iter().map(|global| global.ty).collect();
                }
                Payload::TagSection(section) => {
                    let tags = all(section).into_iter();
                    meant.tags = tags.map(|tag| tag.func_type_idx).collect();
                }
                Payload::StartSection { func, .. } => meant.start = Some(func),
                Payload::DataSection(section) => meant.data = all(section),
                Payload::ElementSection(section) => meant.elements = all(section),
                Payload::CodeSectionStart {
                    unchecked_range, ..
                } => meant.code_offset = unchecked_range.start,
                Payload::CodeSectionEntry(body) => meant.bodies.push(body.range()),
                Payload::CustomSection(section) if section.name() != "name" => {
                    meant.custom.push((section.name(), section.data()));
                }
                _ => {}
            }
        }
        meant
    }

    fn signature(&self, ty: u32) -> (Vec<char>, Vec<char>) {
        meant_signature(&self.types[ty as usize])
    }
}

fn interface(meant: &Meant<'_>, manifest: &Manifest) {
    // Types that are the same stand in the manifest once.
    let same_type = |index: u32, meant_index: u32| {
        let ty = manifest.func_type(index).expect("a type that was checked");
        assert_eq!(signature(ty), meant.signature(meant_index));
    };
    assert_eq!(meant.imports.len(), manifest.imports.len());
    for (import, meant) in manifest.imports.iter().zip(&meant.imports) {
        assert_eq!((&*import.module, &*import.name), (meant.module, meant.name));
        match (import.ty, meant.ty) {
            (ImportType::Func(ty), TypeRef::Func(meant)) => same_type(ty, meant),
            (ImportType::Tag(ty), TypeRef::Tag(meant)) => same_type(ty, meant.func_type_idx),
            (ImportType::Table(ty), TypeRef::Table(meant)) => table(&ty, &meant),
            (ImportType::Memory(ty), TypeRef::Memory(meant)) => memory(&ty, &meant),
            (ImportType::Global(ty), TypeRef::Global(meant)) => global(&ty, &meant),
            (ty, meant) => panic!("{ty:?} imported, meant was {meant:?}"),
        }
    }
    assert_eq!(meant.exports.len(), manifest.exports.len());
    for (export, meant) in manifest.exports.iter().zip(&meant.exports) {
        assert_eq!(export.name, meant.name);
        let (kind, index) = match export.index {
            ExternIndex::Func(index) => (ExternalKind::Func, index),
            ExternIndex::Table(index) => (ExternalKind::Table, index),
            ExternIndex::Memory(index) => (ExternalKind::Memory, index),
            ExternIndex::Global(index) => (ExternalKind::Global, index),
            ExternIndex::Tag(index) => (ExternalKind::Tag, index),
        };
        assert_eq!((kind, index), (meant.kind, meant.index));
    }
    assert_eq!(meant.tables.len(), manifest.tables.len());
    for (plan, meant) in manifest.tables.iter().zip(&meant.tables) {
        table(&plan.ty, meant);
    }
    assert_eq!(meant.memories.len(), manifest.memories.len());
    for (plan, meant) in manifest.memories.iter().zip(&meant.memories) {
        memory(&plan.ty, meant);
    }
    assert_eq!(meant.globals.len(), manifest.globals.len());
    for (plan, meant) in manifest.globals.iter().zip(&meant.globals) {
        global(&plan.ty, meant);
    }
    assert_eq!(meant.tags.len(), manifest.tags.len());
    for (&ty, &meant) in manifest.tags.iter().zip(&meant.tags) {
        same_type(ty, meant);
    }
    assert_eq!(meant.start, manifest.start);
}

fn table(ty: &TableType, meant: &wasmparser::TableType) {
    assert_eq!((ty.minimum, ty.maximum), (meant.initial, meant.maximum));
    assert_eq!(ty.is_64, meant.table64);
    assert_eq!(class(ty.element), meant_class(meant.element_type.into()));
}

fn memory(ty: &MemoryType, meant: &wasmparser::MemoryType) {
    assert_eq!(
        (ty.minimum_pages, ty.maximum_pages),
        (meant.initial, meant.maximum)
    );
    assert_eq!((ty.is_64, ty.is_shared), (meant.memory64, meant.shared));
    assert_eq!(
        u32::from(ty.page_bytes_log2),
        meant.page_size_log2.unwrap_or(16)
    );
}

fn global(ty: &GlobalType, meant: &wasmparser::GlobalType) {
    assert_eq!(class(ty.content), meant_class(meant.content_type));
    assert_eq!(ty.mutable, meant.mutable);
}

fn signature(ty: &FuncType) -> (Vec<char>, Vec<char>) {
    let classes = |types: &[ValType]| types.iter().map(|&ty| class(ty)).collect();
    (classes(&ty.params), classes(&ty.results))
}

fn meant_signature(ty: &wasmparser::FuncType) -> (Vec<char>, Vec<char>) {
    let classes = |types: &[wasmparser::ValType]| types.iter().map(|&ty| meant_class(ty)).collect();
    (classes(ty.params()), classes(ty.results()))
}

/// A type as a letter; references only by whether they can be null.
fn class(ty: ValType) -> char {
    match ty {
        ValType::I32 => 'i',
        ValType::I64 => 'I',
        ValType::F32 => 'f',
        ValType::F64 => 'F',
        ValType::V128 => 'V',
        ValType::Ref(ty) if ty.nullable => 'n',
        _ => 'r',
    }
}

fn meant_class(ty: wasmparser::ValType) -> char {
    match ty {
        wasmparser::ValType::I32 => 'i',
        wasmparser::ValType::I64 => 'I',
        wasmparser::ValType::F32 => 'f',
        wasmparser::ValType::F64 => 'F',
        wasmparser::ValType::V128 => 'V',
        wasmparser::ValType::Ref(ty) if ty.is_nullable() => 'n',
        wasmparser::ValType::Ref(_) => 'r',
    }
}

/// Every segment is where it is used: in an image, in a constant table, or in full.
fn segments(meant: &Meant<'_>, artifact: &Artifact<'_>) {
    let manifest = artifact.manifest();
    assert_eq!(meant.data.len(), manifest.data_segments.len());
    let imported_memories = manifest.imported().memories;
    // What memories hold, as far as images say. Later segments lie over earlier ones.
    let mut expected: Vec<(u32, u64, &[u8])> = Vec::new();
    for (segment, meant) in manifest.data_segments.iter().zip(&meant.data) {
        let bytes = segment.bytes.of(artifact.section(Section::Passive));
        match (&segment.mode, &meant.kind) {
            (DataMode::Passive, DataKind::Passive) => assert_eq!(bytes, Some(meant.data)),
            (DataMode::Active { memory, .. }, DataKind::Active { memory_index, .. }) => {
                assert_eq!(memory, memory_index);
                assert_eq!(bytes, Some(meant.data));
            }
            (
                DataMode::InImage,
                DataKind::Active {
                    memory_index,
                    offset_expr,
                },
            ) => {
                let mut reader = offset_expr.get_operators_reader();
                let offset = match reader.read() {
                    Ok(Operator::I32Const { value }) => u64::from(value.cast_unsigned()),
                    Ok(Operator::I64Const { value }) => value.cast_unsigned(),
                    other => panic!("in an image, but at {other:?}"),
                };
                // What is computed is another test's.
                if matches!(reader.read(), Ok(Operator::End)) {
                    expected.push((*memory_index, offset, meant.data));
                } else {
                    return;
                }
            }
            (mode, meant) => panic!("a segment is {mode:?}, meant was {meant:?}"),
        }
    }
    for (number, &(memory, offset, data)) in expected.iter().enumerate() {
        let plan = &manifest.memories[(memory - imported_memories) as usize];
        let later = &expected[number + 1..];
        for (at, &byte) in (offset..).zip(data) {
            let is_covered = later.iter().any(|&(other, start, data)| {
                other == memory && (start..start + data.len() as u64).contains(&at)
            });
            let extent = plan.image.iter().find(|extent| {
                (extent.memory_offset..extent.memory_offset + extent.len).contains(&at)
            });
            let found = extent.map_or(0, |extent| {
                let place = at - extent.memory_offset + extent.image_offset;
                artifact.section(Section::Image)[place as usize]
            });
            assert!(is_covered || found == byte, "byte {at} of memory {memory}");
        }
    }

    assert_eq!(meant.elements.len(), manifest.element_segments.len());
    for (segment, meant) in manifest.element_segments.iter().zip(&meant.elements) {
        match (&segment.mode, &meant.kind) {
            (ElementMode::Passive, ElementKind::Passive)
            | (ElementMode::Dropped, ElementKind::Declared) => {}
            (ElementMode::Active { table, .. }, ElementKind::Active { table_index, .. }) => {
                assert_eq!(*table, table_index.unwrap_or(0));
            }
            // In a constant table.
            (ElementMode::Dropped, ElementKind::Active { .. }) => continue,
            (mode, _) => panic!("a segment is {mode:?}"),
        }
        if segment.mode == ElementMode::Dropped {
            continue;
        }
        match (&segment.items, &meant.items) {
            (ElementItems::Funcs(range), Items::Functions(items)) => {
                let bytes = range.of(artifact.section(Section::Elements));
                let found = bytes.expect("a range that was checked").chunks(4);
                let found = found.map(|chunk| u32::from_le_bytes(chunk.try_into().expect("four")));
                assert!(found.eq(all(items.clone())), "functions of a segment");
            }
            (ElementItems::Funcs(range), Items::Expressions(_, items)) => {
                assert_eq!(range.len, items.count() * 4);
            }
            (ElementItems::Exprs(found), Items::Expressions(_, items)) => {
                assert_eq!(found.len(), items.count() as usize);
                let func =
                    |expr: &wasmparser::ConstExpr<'_>| match expr.get_operators_reader().read() {
                        Ok(Operator::RefFunc { function_index }) => Some(function_index),
                        _ => None,
                    };
                for (found, meant) in found.iter().zip(all(items.clone())) {
                    if let ConstExpr::RefFunc(index) = found {
                        assert_eq!(Some(*index), func(&meant));
                    }
                }
            }
            (ElementItems::Exprs(_), Items::Functions(_)) => panic!("functions as expressions"),
        }
    }
}

/// Each function is there, with its type, and what tables say of it is said of it.
fn code(meant: &Meant<'_>, artifact: &Artifact<'_>) {
    let funcs = artifact.funcs();
    assert_eq!(funcs.len(), meant.funcs.len());
    let mut last = 0;
    for (index, &ty) in (0..).zip(&meant.funcs) {
        let entry = funcs.get(index).expect("as many as there are");
        let end = funcs.end_of(index).expect("each ends");
        let found = artifact.manifest().func_type(entry.type_index);
        assert_eq!(found.map(signature), Some(meant.signature(ty)));
        assert!(last <= entry.text_offset && entry.text_offset < end);
        assert_eq!(funcs.find(entry.text_offset), Some(index));
        assert_eq!(funcs.find(end - 1), Some(index));
        last = end;
    }
    assert!(last as usize <= artifact.section(Section::Text).len());

    let mut last = None;
    for (offset, code) in artifact.traps().iter() {
        assert!(last < Some(offset), "trap sites in order");
        assert_eq!(artifact.traps().lookup(offset), Some(code));
        last = Some(offset);
    }
    let mut last = None;
    for (text_offset, wasm_offset) in artifact.address_map().iter() {
        assert!(last < Some(text_offset), "addresses in order");
        last = Some(text_offset);
        let found = artifact.address_map().lookup(text_offset);
        assert_eq!(found, Some((text_offset, wasm_offset)));
        if let Some(func) = funcs.find(text_offset) {
            let body = &meant.bodies[func as usize];
            assert!(
                body.contains(&u64::from(wasm_offset)),
                "{wasm_offset:#x} is not in function {func}, which is {body:x?}"
            );
        }
    }
    let unwind = artifact.unwind();
    for offset in unwind.return_offsets() {
        let site = unwind.lookup(offset).expect("a call that is listed");
        let func = funcs.find(offset.saturating_sub(1));
        assert!(site.handlers().count() > 0);
        for handler in site.handlers() {
            assert_eq!(
                funcs.find(handler.text_offset),
                func,
                "a handler of its own"
            );
        }
    }
    if !meant.bodies.is_empty() {
        assert_eq!(
            u64::from(artifact.manifest().code_offset),
            meant.code_offset
        );
    }
}

fn custom_sections(meant: &Meant<'_>, artifact: &Artifact<'_>, kept: CustomSections) {
    let is_debug = |name: &str| {
        name.starts_with(".debug_") || ["external_debug_info", "sourceMappingURL"].contains(&name)
    };
    let expected = meant.custom.iter().filter(|(name, _)| match kept {
        CustomSections::All => true,
        CustomSections::NoDebug => !is_debug(name),
        CustomSections::None => false,
    });
    assert!(artifact.custom_sections().iter().eq(expected.copied()));
}
