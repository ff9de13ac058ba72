//! Module bytes to [`Module`], validated except for the function bodies.

use precast_artifacts_format::{
    ConstExpr, Export, ExternIndex, FuncType, GlobalType, Import, ImportType, MemoryType,
    TableType, ValType,
};
use rustc_hash::FxHashMap;
use wasmparser::{
    CompositeInnerType, ConstExpr as WasmConstExpr, DataKind, ElementItems, ElementKind, Encoding,
    ExternalKind, HeapType, KnownCustom, Name, Operator, Parser, Payload, RefType, TableInit,
    TypeRef, ValidPayload, Validator, WasmFeatures,
};

use crate::error::CompileError;
use crate::module::{Body, Data, Elements, Items, Module, NULL_FUNC, SegmentMode};
use crate::options::Options;

type Result<T, E = CompileError> = std::result::Result<T, E>;

/// The largest module, in bytes: offsets into it are 32-bit numbers.
const MAX_MODULE_BYTES: u64 = u32::MAX as u64;

/// The section whose contents go into the artifact's symbols and manifest.
const NAME_SECTION: &str = "name";

/// Parses `wasm` and validates everything except function bodies, which carry what it takes to
/// validate them later.
pub(crate) fn parse<'a>(wasm: &'a [u8], options: &Options) -> Result<Module<'a>> {
    check_start(wasm)?;
    let features = features(options);
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut module = Module::default();
    let mut known_types = FxHashMap::default();
    for payload in parser.parse_all(wasm) {
        let payload = payload?;
        check_encoding(&payload)?;
        match validator.payload(&payload)? {
            ValidPayload::Func(validate, body) => module.bodies.push(Body { validate, body }),
            _ => section(&mut module, &mut known_types, payload)?,
        }
    }
    Ok(module)
}

/// What validation knows. What is valid but not done yet is to be named as such, so that is every
/// feature, but for a proposal that gives memory instructions another kind of target.
pub(crate) fn features(_: &Options) -> WasmFeatures {
    WasmFeatures::all().difference(WasmFeatures::MULTIBYTE_ARRAY_ACCESS)
}

/// Refuses what is too large, or too obviously no module to be worth the parser's words.
pub(crate) fn check_start(wasm: &[u8]) -> Result<()> {
    if wasm.len() as u64 > MAX_MODULE_BYTES {
        return Err(CompileError::Limit {
            what: "the module is too large, in bytes",
            limit: MAX_MODULE_BYTES,
        });
    }
    if !wasm.starts_with(b"\0asm") {
        return Err(CompileError::Invalid {
            wasm_offset: 0,
            message: "it does not start with the bytes \"\\0asm\"".to_owned(),
        });
    }
    Ok(())
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
    known_types: &mut FxHashMap<FuncType, u32>,
    payload: Payload<'a>,
) -> Result<()> {
    match payload {
        Payload::TypeSection(reader) => {
            for group in reader.into_iter_with_offsets() {
                let (offset, group) = group?;
                if group.types().len() > 1 {
                    // Members of such a group differ by their place in it, however alike.
                    return Err(CompileError::unsupported(offset, "recursive type groups"));
                }
                for ty in group.into_types() {
                    let ty = func_type(&ty, offset)?;
                    let next = module.types.len() as u32;
                    let index = *known_types.entry(ty.clone()).or_insert(next);
                    if index == next {
                        module.types.push(ty);
                    }
                    module.type_of_index.push(index);
                }
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
                let ty = table_type(&table.ty, offset)?;
                module.tables.push(ty);
                module.table_inits.push(match table.init {
                    TableInit::RefNull => ConstExpr::RefNull(ty.element),
                    TableInit::Expr(expr) => const_expr(&expr)?,
                });
            }
        }
        Payload::MemorySection(reader) => {
            for memory in reader.into_iter_with_offsets() {
                let (offset, memory) = memory?;
                module.memories.push(memory_type(&memory, offset)?);
            }
        }
        Payload::TagSection(reader) => {
            return Err(CompileError::unsupported(
                reader.range().start,
                "exception handling (a tag section)",
            ));
        }
        Payload::GlobalSection(reader) => {
            for global in reader.into_iter_with_offsets() {
                let (offset, global) = global?;
                module.globals.push(global_type(&global.ty, offset)?);
                module.global_inits.push(const_expr(&global.init_expr)?);
            }
        }
        Payload::ExportSection(reader) => {
            for export in reader.into_iter_with_offsets() {
                let (offset, export) = export?;
                let index = match export.kind {
                    ExternalKind::Func | ExternalKind::FuncExact => ExternIndex::Func(export.index),
                    ExternalKind::Table => ExternIndex::Table(export.index),
                    ExternalKind::Memory => ExternIndex::Memory(export.index),
                    ExternalKind::Global => ExternIndex::Global(export.index),
                    ExternalKind::Tag => {
                        return Err(CompileError::unsupported(offset, "exception handling"));
                    }
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
                module.elements.push(Elements {
                    mode: match segment.kind {
                        ElementKind::Passive => SegmentMode::Passive,
                        ElementKind::Declared => SegmentMode::Declared,
                        ElementKind::Active {
                            table_index,
                            offset_expr,
                        } => {
                            SegmentMode::Active(table_index.unwrap_or(0), const_expr(&offset_expr)?)
                        }
                    },
                    items: items(segment.items, segment.range.start)?,
                });
            }
        }
        Payload::DataSection(reader) => {
            for segment in reader {
                let segment = segment?;
                module.data.push(Data {
                    mode: match segment.kind {
                        DataKind::Passive => SegmentMode::Passive,
                        DataKind::Active {
                            memory_index,
                            offset_expr,
                        } => SegmentMode::Active(memory_index, const_expr(&offset_expr)?),
                    },
                    bytes: segment.data,
                });
            }
        }
        Payload::CodeSectionStart {
            unchecked_range, ..
        } => {
            // A module that is too long for this has been refused.
            module.code_offset = unchecked_range.start as u32;
        }
        Payload::CustomSection(section) => {
            if let KnownCustom::Name(names) = section.as_known() {
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
            let ty = table_type(&ty, offset)?;
            module.tables.push(ty);
            module.imported_tables += 1;
            ImportType::Table(ty)
        }
        TypeRef::Memory(ty) => {
            let ty = memory_type(&ty, offset)?;
            module.memories.push(ty);
            module.imported_memories += 1;
            ImportType::Memory(ty)
        }
        TypeRef::Global(ty) => {
            let ty = global_type(&ty, offset)?;
            module.globals.push(ty);
            module.imported_globals += 1;
            ImportType::Global(ty)
        }
        TypeRef::Tag(_) => {
            return Err(CompileError::unsupported(
                offset,
                "exception handling (an imported tag)",
            ));
        }
    })
}

fn func_type(ty: &wasmparser::SubType, offset: u64) -> Result<FuncType> {
    let plain = ty.is_final && ty.supertype_idxs.is_empty() && !ty.composite_type.shared;
    match &ty.composite_type.inner {
        CompositeInnerType::Func(func) if plain => {
            let types = |types: &[wasmparser::ValType]| {
                types
                    .iter()
                    .map(|ty| val_type(*ty, offset))
                    .collect::<Result<Box<[_]>>>()
            };
            Ok(FuncType {
                params: types(func.params())?,
                results: types(func.results())?,
            })
        }
        _ => Err(CompileError::unsupported(
            offset,
            "garbage collection (a type that is not a plain function type)",
        )),
    }
}

/// The type of a value, as far as this compiler goes.
pub(crate) fn val_type(ty: wasmparser::ValType, offset: u64) -> Result<ValType> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(RefType::FUNCREF) => ValType::FuncRef,
        wasmparser::ValType::Ref(RefType::EXTERNREF) => ValType::ExternRef,
        wasmparser::ValType::Ref(other) => {
            let feature = format!("values of the reference type {other}");
            return Err(CompileError::unsupported(offset, feature));
        }
    })
}

fn table_type(ty: &wasmparser::TableType, offset: u64) -> Result<TableType> {
    if ty.table64 {
        return Err(CompileError::unsupported(
            offset,
            "tables with 64-bit indices",
        ));
    }
    if ty.shared {
        return Err(CompileError::unsupported(offset, "shared tables"));
    }
    Ok(TableType {
        element: val_type(wasmparser::ValType::Ref(ty.element_type), offset)?,
        minimum: ty.initial,
        maximum: ty.maximum,
    })
}

fn memory_type(ty: &wasmparser::MemoryType, offset: u64) -> Result<MemoryType> {
    for (present, feature) in [
        (ty.memory64, "memories with 64-bit addresses"),
        (ty.shared, "threads (a shared memory)"),
        (ty.page_size_log2.is_some(), "custom page sizes"),
    ] {
        if present {
            return Err(CompileError::unsupported(offset, feature));
        }
    }
    Ok(MemoryType {
        minimum_pages: ty.initial,
        maximum_pages: ty.maximum,
    })
}

fn global_type(ty: &wasmparser::GlobalType, offset: u64) -> Result<GlobalType> {
    if ty.shared {
        return Err(CompileError::unsupported(
            offset,
            "threads (a shared global)",
        ));
    }
    Ok(GlobalType {
        content: val_type(ty.content_type, offset)?,
        mutable: ty.mutable,
    })
}

fn const_expr(expr: &WasmConstExpr<'_>) -> Result<ConstExpr> {
    let mut operators = expr.get_operators_reader();
    let (first, offset) = operators.read_with_offset()?;
    let value = match first {
        Operator::I32Const { value } => ConstExpr::I32(value),
        Operator::I64Const { value } => ConstExpr::I64(value),
        Operator::F32Const { value } => ConstExpr::F32(value.bits()),
        Operator::F64Const { value } => ConstExpr::F64(value.bits()),
        Operator::V128Const { value } => ConstExpr::V128(*value.bytes()),
        Operator::GlobalGet { global_index } => ConstExpr::GlobalGet(global_index),
        Operator::RefFunc { function_index } => ConstExpr::RefFunc(function_index),
        Operator::RefNull {
            hty: HeapType::FUNC,
        } => ConstExpr::RefNull(ValType::FuncRef),
        Operator::RefNull {
            hty: HeapType::EXTERN,
        } => ConstExpr::RefNull(ValType::ExternRef),
        other => {
            let feature = format!("the constant expression {other:?}");
            return Err(CompileError::unsupported(offset, feature));
        }
    };
    match operators.read_with_offset()? {
        (Operator::End, _) => Ok(value),
        (_, offset) => Err(CompileError::unsupported(
            offset,
            "extended constant expressions",
        )),
    }
}

fn items(items: ElementItems<'_>, offset: u64) -> Result<Items> {
    match items {
        ElementItems::Functions(reader) => {
            let funcs = reader.into_iter().collect::<Result<Vec<_>, _>>()?;
            Ok(Items::Funcs(funcs))
        }
        ElementItems::Expressions(ty, reader) => {
            val_type(wasmparser::ValType::Ref(ty), offset)?;
            let exprs = reader
                .into_iter()
                .map(|expr| const_expr(&expr?))
                .collect::<Result<Vec<_>>>()?;
            let as_func = |expr: &ConstExpr| match expr {
                ConstExpr::RefFunc(index) => Some(*index),
                ConstExpr::RefNull(ValType::FuncRef) => Some(NULL_FUNC),
                _ => None,
            };
            match exprs.iter().map(as_func).collect() {
                Some(funcs) => Ok(Items::Funcs(funcs)),
                None => Ok(Items::Exprs(exprs)),
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
