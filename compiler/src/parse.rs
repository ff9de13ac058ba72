//! Module bytes to [`Module`], validated except for the function bodies.

use precast_artifacts_format::{
    ConstExpr, Export, ExternIndex, HeapType, Hierarchy, Import, ImportType, TypeInterner, ValType,
};
use wasmparser::{
    DataKind, ElementItems, ElementKind, Encoding, ExternalKind, KnownCustom, Name, Parser,
    Payload, TableInit, TagKind, TagType, TypeRef, ValidPayload, Validator,
};

use crate::branch_hints::BranchHints;
use crate::error::CompileError;
use crate::features::Feature;
use crate::limits::Budget;
use crate::module::{Body, Data, Elements, Items, Module, NULL_FUNC, SegmentMode};
use crate::options::Options;

mod const_expr;
mod types;

use const_expr::const_expr;

type Result<T, E = CompileError> = std::result::Result<T, E>;

/// The section whose contents go into the artifact's symbols and manifest.
const NAME_SECTION: &str = "name";

/// Parses `wasm` and validates everything except function bodies, which carry what it takes to
/// validate them later.
pub(crate) fn parse<'a>(wasm: &'a [u8], options: &Options, budget: &Budget) -> Result<Module<'a>> {
    let (parser, mut validator) = start(wasm, options)?;
    let mut module = Module::default();
    let mut interner = TypeInterner::default();
    for payload in parser.parse_all(wasm) {
        let payload = payload?;
        check_encoding(&payload)?;
        budget.check_time()?;
        match validator.payload(&payload)? {
            ValidPayload::Func(validate, body) => {
                options.limits.check_body(&body)?;
                module.bodies.push(Body { validate, body });
            }
            _ => {
                options.limits.check_section(&validator)?;
                section(&mut module, &mut interner, payload)?;
            }
        }
    }
    Ok(module)
}

/// What reads a module and what validates it, both for the features of `options`. Refuses what is too
/// large, or too obviously no module to be worth the parser's words.
pub(crate) fn start(wasm: &[u8], options: &Options) -> Result<(Parser, Validator)> {
    options.limits.check_module(wasm)?;
    if !wasm.starts_with(b"\0asm") {
        return Err(CompileError::Invalid {
            wasm_offset: 0,
            message: "it does not start with the bytes \"\\0asm\"".to_owned(),
        });
    }
    let features = options.features.for_parser();
    let mut parser = Parser::new(0);
    parser.set_features(features);
    Ok((parser, Validator::new_with_features(features)))
}

/// Refuses components, which the parser takes.
pub(crate) fn check_encoding(payload: &Payload<'_>) -> Result<()> {
    match payload {
        Payload::Version {
            encoding: Encoding::Component,
            range,
            ..
        } => Err(CompileError::unsupported(range.start, "components")),
        _ => Ok(()),
    }
}

fn section<'a>(
    module: &mut Module<'a>,
    interner: &mut TypeInterner,
    payload: Payload<'a>,
) -> Result<()> {
    match payload {
        Payload::TypeSection(reader) => {
            for group in reader.into_iter_with_offsets() {
                let (offset, group) = group?;
                module.add_types(interner, group, offset)?;
            }
        }
        Payload::ImportSection(reader) => {
            for import in reader.into_imports_with_offsets() {
                let (offset, import) = import?;
                let ty = self::import(module, import.ty, offset)?;
                module.imports.push(Import {
                    module: import.module.to_owned(),
                    name: import.name.to_owned(),
                    ty,
                });
            }
        }
        Payload::FunctionSection(reader) => {
            for type_index in reader {
                module.funcs.push(module.unique_type(type_index?));
            }
        }
        Payload::TableSection(reader) => {
            for table in reader.into_iter_with_offsets() {
                let (offset, table) = table?;
                let ty = module.table_type(&table.ty, offset)?;
                let init = match (table.init, ty.element) {
                    (TableInit::Expr(expr), _) => {
                        module.features.insert(Feature::FunctionReferences);
                        const_expr(module, &expr)?
                    }
                    (TableInit::RefNull, ValType::Ref(element)) => ConstExpr::RefNull(element.heap),
                    (TableInit::RefNull, _) => ConstExpr::RefNull(HeapType::Func),
                };
                module.tables.push(ty);
                module.table_inits.push(init);
            }
        }
        Payload::MemorySection(reader) => {
            for memory in reader.into_iter_with_offsets() {
                let (_, memory) = memory?;
                let ty = module.memory_type(&memory);
                module.memories.push(ty);
            }
        }
        Payload::TagSection(reader) => {
            module.features.insert(Feature::Exceptions);
            for tag in reader {
                let TagType {
                    kind: TagKind::Exception,
                    func_type_idx,
                } = tag?;
                module.tags.push(module.unique_type(func_type_idx));
            }
        }
        Payload::GlobalSection(reader) => {
            for global in reader.into_iter_with_offsets() {
                let (offset, global) = global?;
                let ty = module.global_type(&global.ty, offset)?;
                let init = const_expr(module, &global.init_expr)?;
                module.globals.push(ty);
                module.global_inits.push(init);
            }
        }
        Payload::ExportSection(reader) => {
            for export in reader {
                let export = export?;
                let index = match export.kind {
                    ExternalKind::Func | ExternalKind::FuncExact => ExternIndex::Func(export.index),
                    ExternalKind::Table => ExternIndex::Table(export.index),
                    ExternalKind::Memory => ExternIndex::Memory(export.index),
                    ExternalKind::Global => ExternIndex::Global(export.index),
                    ExternalKind::Tag => ExternIndex::Tag(export.index),
                };
                module.exports.push(Export {
                    name: export.name.to_owned(),
                    index,
                });
            }
        }
        Payload::StartSection { func, .. } => module.start = Some(func),
        Payload::ElementSection(reader) => {
            for segment in reader {
                let segment = segment?;
                let items = items(module, segment.items, segment.range.start)?;
                let mode = match segment.kind {
                    ElementKind::Passive => SegmentMode::Passive,
                    ElementKind::Declared => SegmentMode::Declared,
                    ElementKind::Active {
                        table_index,
                        offset_expr,
                    } => {
                        let offset = const_expr(module, &offset_expr)?;
                        SegmentMode::Active(table_index.unwrap_or(0), offset)
                    }
                };
                module.elements.push(Elements { mode, items });
            }
        }
        Payload::DataSection(reader) => {
            for segment in reader {
                let segment = segment?;
                let mode = match segment.kind {
                    DataKind::Passive => SegmentMode::Passive,
                    DataKind::Active {
                        memory_index,
                        offset_expr,
                    } => SegmentMode::Active(memory_index, const_expr(module, &offset_expr)?),
                };
                let bytes = segment.data;
                module.data.push(Data { mode, bytes });
            }
        }
        Payload::CodeSectionStart {
            unchecked_range, ..
        } => {
            // A module that is too long for this has been refused.
            module.code_offset = unchecked_range.start as u32;
        }
        Payload::CustomSection(section) => {
            let known = section.as_known();
            if let KnownCustom::BranchHints(hints) = &known
                && let Some(hints) = BranchHints::read(hints.clone())
            {
                module.branch_hints = hints;
            }
            if let KnownCustom::Name(names) = known {
                self::names(module, names);
            } else if section.name() != NAME_SECTION {
                let kept = (section.name(), section.data());
                module.custom_sections.push(kept);
            }
        }
        _ => {}
    }
    Ok(())
}

fn import(module: &mut Module<'_>, ty: TypeRef, offset: u64) -> Result<ImportType> {
    Ok(match ty {
        TypeRef::Func(type_index) | TypeRef::FuncExact(type_index) => {
            let unique = module.unique_type(type_index);
            module.funcs.push(unique);
            module.imported_funcs += 1;
            ImportType::Func(unique)
        }
        TypeRef::Table(ty) => {
            let ty = module.table_type(&ty, offset)?;
            module.tables.push(ty);
            module.imported_tables += 1;
            ImportType::Table(ty)
        }
        TypeRef::Memory(ty) => {
            let ty = module.memory_type(&ty);
            module.memories.push(ty);
            module.imported_memories += 1;
            ImportType::Memory(ty)
        }
        TypeRef::Global(ty) => {
            let ty = module.global_type(&ty, offset)?;
            module.globals.push(ty);
            module.imported_globals += 1;
            ImportType::Global(ty)
        }
        TypeRef::Tag(TagType {
            kind: TagKind::Exception,
            func_type_idx,
        }) => {
            module.features.insert(Feature::Exceptions);
            let unique = module.unique_type(func_type_idx);
            module.tags.push(unique);
            module.imported_tags += 1;
            ImportType::Tag(unique)
        }
    })
}

fn items(module: &mut Module<'_>, items: ElementItems<'_>, offset: u64) -> Result<Items> {
    match items {
        ElementItems::Functions(reader) => {
            let funcs = reader.into_iter().collect::<Result<Vec<_>, _>>()?;
            Ok(Items::Funcs(funcs))
        }
        ElementItems::Expressions(ty, reader) => {
            let heap = module.heap_type(ty.heap_type(), offset)?;
            let exprs = reader
                .into_iter()
                .map(|expr| const_expr(module, &expr?))
                .collect::<Result<Vec<_>>>()?;
            let as_func = |expr: &ConstExpr| match expr {
                ConstExpr::RefFunc(index) => Some(*index),
                ConstExpr::RefNull(heap) if heap.hierarchy() == Hierarchy::Func => Some(NULL_FUNC),
                _ => None,
            };
            match exprs.iter().map(as_func).collect() {
                // None at all could be of any type.
                Some(funcs) if heap.hierarchy() == Hierarchy::Func => Ok(Items::Funcs(funcs)),
                _ => Ok(Items::Exprs(exprs)),
            }
        }
    }
}

/// Takes the names of module and functions. A damaged name section is no error: names are only a
/// help for people.
fn names<'a>(module: &mut Module<'a>, reader: wasmparser::NameSectionReader<'a>) {
    for subsection in reader {
        match subsection {
            Ok(Name::Module { name, .. }) => module.name = Some(name),
            Ok(Name::Function(map)) => {
                for naming in map {
                    let Ok(naming) = naming else { return };
                    let index = naming.index as usize;
                    if index >= module.funcs.len() {
                        continue;
                    }
                    if module.func_names.len() <= index {
                        module.func_names.resize(index + 1, None);
                    }
                    module.func_names[index] = Some(naming.name);
                }
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// What the text format calls an operator, roughly.
pub(crate) fn name_of(operator: &wasmparser::Operator<'_>) -> String {
    let name = format!("{operator:?}");
    let name = name.split(' ').next().unwrap_or_default();
    name.to_owned()
}
