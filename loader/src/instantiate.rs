//! Instantiation (WebAssembly core specification, 4.5.4, "Instantiation").
//!
//! 1. The imports are compared with what the module wants.
//! 2. Everything that can fail for want of room is set up: vmctx, memories, tables. Until here a
//!    failure leaves nothing behind.
//! 3. The instance joins the store, with globals and funcrefs, and tables get their first
//!    elements.
//! 4. Active element segments are copied, in order; then active data segments. A segment that does
//!    not fit is a trap. The instance stays with the store from then on, since functions of it may
//!    already be in an imported table.
//! 5. The start function runs.

use precast_artifacts_format::abi::{VmFunc, VmFuncRef};
use precast_artifacts_format::{
    ConstExpr, DataMode, ElementMode, ExternIndex, ImportType, Section, TrapCode,
};

use crate::error::{Error, LimitError, LinkError, MismatchedImport};
use crate::extern_type::ExternType;
use crate::func::Func;
use crate::instance::Extern;
use crate::module::{Module, damaged};
use crate::segments;
use crate::store::StoreMut;
use crate::store::core::{StoreCore, push};
use crate::store::instance_data::InstanceData;
use crate::store::memory::StoreMemory;
use crate::tag::TagData;
use crate::trap::Trap;
use crate::vm::memory::MemoryOrder;
use crate::vm::space::Contents;
use crate::vm::table::TableElements;
use crate::vm::vmctx::Vmctx;

/// Steps 1 to 4. The number of the new instance.
///
/// `imports` are as many as the module's.
pub(crate) fn instantiate(
    core: &mut StoreCore,
    module: &Module,
    imports: &[Extern],
) -> Result<u32, Error> {
    check_imports(core, module, imports)?;
    core.check_room_for(module)?;
    let parts = set_up(core, module)?;
    let instance = join(core, module, imports, parts)?;
    copy_element_segments(core, instance, module)?;
    copy_data_segments(core, instance, module)?;
    Ok(instance)
}

/// Step 5.
pub(crate) fn run_start<T>(
    store: &mut StoreMut<'_, T>,
    instance: u32,
    start: u32,
) -> Result<(), Error> {
    let start = store
        .core_mut()
        .extern_of(instance, ExternIndex::Func(start));
    let start = start.and_then(Extern::func);
    let start = start.ok_or_else(|| damaged(Section::Funcs, "the start function"))?;
    let start = start
        .typed::<(), ()>(store)
        .map_err(|_| damaged(Section::Funcs, "the start function's type"))?;
    start.call(store, ())
}

fn check_imports(core: &StoreCore, module: &Module, imports: &[Extern]) -> Result<(), Error> {
    if !crate::Engine::same(&core.engine, module.engine()) {
        return Err(LinkError::OtherEngine.into());
    }
    let manifest = module.manifest();
    let mut mismatched = Vec::new();
    for (import, item) in manifest.imports.iter().zip(imports) {
        let name = || (import.module.clone(), import.name.clone());
        if item.store() != core.id {
            let (module, name) = name();
            return Err(LinkError::OtherStore { module, name }.into());
        }
        if fits(core, module, &import.ty, item) {
            if let Extern::Memory(memory) = item
                && !core.memories[memory.index as usize].suits(&module.note().tunables)
            {
                let (name_module, name) = name();
                return Err(LinkError::UnguardedMemory {
                    module: name_module,
                    name,
                    guard_bytes: module.note().tunables.memory_guard_bytes,
                }
                .into());
            }
            continue;
        }
        let expected = ExternType::of_import(manifest, &import.ty)
            .ok_or_else(|| damaged(Section::Manifest, "an import's type"))?;
        let (module, name) = name();
        mismatched.push(MismatchedImport {
            module,
            name,
            expected,
            found: type_of(core, item),
        });
    }
    if mismatched.is_empty() {
        Ok(())
    } else {
        Err(LinkError::Mismatched(mismatched).into())
    }
}

fn fits(core: &StoreCore, module: &Module, wanted: &ImportType, item: &Extern) -> bool {
    let matches = |item: &Extern, wanted| type_of(core, item).matches(&wanted, &core.engine);
    match (wanted, item) {
        // By number: types need not be compared part by part.
        (ImportType::Func(ty), Extern::Func(func)) => {
            let wanted = module.type_ids().get(*ty as usize);
            let found = core.func(func.index).type_id;
            wanted.is_some_and(|&wanted| core.engine.is_subtype(found, wanted))
        }
        (ImportType::Table(ty), item) => matches(item, ExternType::Table(*ty)),
        (ImportType::Memory(ty), item) => matches(item, ExternType::Memory(*ty)),
        (ImportType::Global(ty), item) => matches(item, ExternType::Global(*ty)),
        (ImportType::Tag(ty), Extern::Tag(tag)) => {
            let wanted = module.type_ids().get(*ty as usize);
            wanted == Some(&tag.of(core).type_id)
        }
        _ => false,
    }
}

fn type_of(core: &StoreCore, item: &Extern) -> ExternType {
    match *item {
        Extern::Func(func) => ExternType::Func((*core.func(func.index).ty).clone()),
        Extern::Table(table) => ExternType::Table(core.tables[table.index as usize].ty()),
        Extern::Memory(memory) => ExternType::Memory(core.memories[memory.index as usize].ty()),
        Extern::Global(global) => ExternType::Global(core.globals[global.index as usize].ty()),
        Extern::Tag(tag) => ExternType::Tag((*tag.of(core).ty).clone()),
    }
}

/// What has been set up for an instance, but does not belong to the store yet.
struct Parts {
    memories: Vec<StoreMemory>,
    tables: Vec<TableElements>,
    vmctx: Vmctx,
}

fn set_up(core: &StoreCore, module: &Module) -> Result<Parts, Error> {
    let manifest = module.manifest();
    let pool = core.memory_source.pool();
    let mut vmctx = Vmctx::new(pool, module.layout())?;

    let mut memories = Vec::with_capacity(manifest.memories.len());
    for (index, plan) in (0..).zip(&manifest.memories) {
        let key = module.memory_key(index);
        let (file, file_offset) = module.image().memory_images();
        let contents = Contents {
            key,
            extents: &plan.image,
            images: module.image().section(Section::Image),
            file,
            file_offset,
        };
        let order = MemoryOrder {
            ty: plan.ty,
            tunables: module.note().tunables,
            max_bytes: core.limits.memory_bytes,
            key: Some(key),
            contents: (!plan.image.is_empty()).then_some(contents),
        };
        let definition = || vmctx.memory(index);
        let memory = StoreMemory::new(&core.memory_source, definition, &order)?;
        if memory.shared().is_some() {
            vmctx.set_shared_memory(index, memory.definition_address());
        }
        memories.push(memory);
    }

    let changing = manifest.tables.iter();
    let changing = changing.filter(|plan| plan.constant.is_none());
    let mut tables = Vec::new();
    for (index, plan) in (0..).zip(changing) {
        let max_elements = core.limits.table_elements;
        tables.push(TableElements::new(
            pool,
            vmctx.table(index),
            plan.ty,
            max_elements,
        )?);
    }
    Ok(Parts {
        memories,
        tables,
        vmctx,
    })
}

fn join(
    core: &mut StoreCore,
    module: &Module,
    imports: &[Extern],
    parts: Parts,
) -> Result<u32, Error> {
    let manifest = module.manifest();
    let Parts {
        memories,
        tables,
        mut vmctx,
    } = parts;
    core.add_module(module);
    let instance = u32::try_from(core.instances.len())
        .map_err(|_| LimitError::TooMany { what: "instances" })?;
    vmctx.set_header(core.context_address(), instance);
    vmctx.set_type_ids(module.type_ids());

    let mut memory_numbers = Vec::new();
    let mut table_numbers = Vec::new();
    let mut global_numbers = Vec::new();
    let mut tag_numbers = Vec::new();
    let mut funcs = 0;
    for item in imports {
        match *item {
            Extern::Func(func) => {
                let ty = module.type_index(funcs);
                let func = func_to_import(core, module, ty, func)?;
                vmctx.set_imported_func(funcs, func);
                funcs += 1;
            }
            Extern::Memory(memory) => {
                let definition = core.memories[memory.index as usize].definition_address();
                vmctx.set_imported_memory(memory_numbers.len() as u32, definition);
                memory_numbers.push(memory.index);
            }
            Extern::Table(table) => {
                let definition = core.tables[table.index as usize].definition();
                vmctx.set_imported_table(table_numbers.len() as u32, definition);
                table_numbers.push(Some(table.index));
            }
            Extern::Global(global) => {
                let place = core.globals[global.index as usize].place();
                vmctx.set_imported_global(global_numbers.len() as u32, place);
                global_numbers.push(global.index);
            }
            Extern::Tag(tag) => tag_numbers.push(tag.index),
        }
    }
    for memory in memories {
        memory_numbers.push(core.push_memory(memory));
    }
    let mut changing = tables.into_iter();
    for plan in &manifest.tables {
        table_numbers.push(match plan.constant {
            Some(_) => None,
            None => changing.next().map(|table| push(&mut core.tables, table)),
        });
    }
    for &ty in &manifest.tags {
        tag_numbers.push(add_tag(core, module, ty)?);
    }
    core.instances.push(InstanceData {
        vmctx,
        module: module.clone(),
        memories: memory_numbers.into(),
        tables: table_numbers.into(),
        imported_globals: global_numbers.into(),
        tags: tag_numbers.into(),
        dropped_data: InstanceData::dropped_data_at_start(module),
        dropped_elements: InstanceData::dropped_elements_at_start(module),
    });
    write_funcrefs(core, instance, module, imports)?;
    write_globals(core, instance, module)?;
    write_tables(core, instance, module)?;
    Ok(instance)
}

/// The number of a new tag, whose type is the module's at `ty`.
fn add_tag(core: &mut StoreCore, module: &Module, ty: u32) -> Result<u32, Error> {
    let type_id = module.type_ids().get(ty as usize).copied();
    let data = type_id.and_then(|type_id| {
        let ty = core.engine.func_type(type_id)?;
        Some(TagData { type_id, ty })
    });
    let data = data.ok_or_else(|| damaged(Section::Manifest, "a tag's type"))?;
    Ok(push(&mut core.tags, data))
}

/// Code and vmctx by which the module calls an imported function.
fn func_to_import(
    core: &StoreCore,
    module: &Module,
    type_index: Option<u32>,
    func: Func,
) -> Result<VmFunc, Error> {
    let data = core.func(func.index);
    let mut callee = data.func;
    if data.is_host {
        callee.code = type_index
            .and_then(|ty| data.import_trampoline(module, ty as usize))
            .ok_or_else(|| {
                damaged(
                    Section::Manifest,
                    "an imported function's type has no trampoline",
                )
            })?;
    }
    Ok(callee)
}

fn write_funcrefs(
    core: &mut StoreCore,
    instance: u32,
    module: &Module,
    imports: &[Extern],
) -> Result<(), Error> {
    let imported = imports.iter().filter_map(|import| import.func());
    // Those that escape are in order.
    let mut imported = (0..).zip(imported);
    for (place, func) in (0..).zip(module.escaping()) {
        let type_id = if func < module.imported().funcs {
            // It may be of a subtype of what the module says, and references tell.
            let import = imported.find(|&(index, _): &(u32, Func)| index == func);
            import.map(|(_, import)| core.func(import.index).type_id)
        } else {
            module.type_id(func)
        };
        let data = &mut core.instances[instance as usize];
        let out_of_range = || damaged(Section::Elements, "a function that escapes");
        let funcref = VmFuncRef {
            func: data.func(func).ok_or_else(out_of_range)?,
            type_id: type_id.ok_or_else(out_of_range)?,
            reserved: 0,
        };
        data.vmctx.set_funcref(place, funcref);
    }
    Ok(())
}

fn write_globals(core: &mut StoreCore, instance: u32, module: &Module) -> Result<(), Error> {
    for (index, plan) in (0..).zip(&module.manifest().globals) {
        let value = segments::evaluate(core, instance, &plan.init)?;
        let global = core.instances[instance as usize].defined_global(index);
        if let Some(mut global) = global {
            global.set(value);
        }
    }
    Ok(())
}

fn write_tables(core: &mut StoreCore, instance: u32, module: &Module) -> Result<(), Error> {
    let imported = module.imported().tables;
    for (index, plan) in (imported..).zip(&module.manifest().tables) {
        let number = core.instances[instance as usize].tables.get(index as usize);
        if let Some(&Some(number)) = number
            && !matches!(plan.init, ConstExpr::RefNull(_))
        {
            let element = segments::evaluate_element(core, instance, &plan.init)?;
            core.tables[number as usize].elements_mut().fill(element);
        }
    }
    Ok(())
}

fn copy_element_segments(
    core: &mut StoreCore,
    instance: u32,
    module: &Module,
) -> Result<(), Error> {
    for segment in &module.manifest().element_segments {
        if let ElementMode::Active { table, offset } = &segment.mode {
            let offset = segments::evaluate_offset(core, instance, offset)?;
            let data = &core.instances[instance as usize];
            let number = data.tables.get(*table as usize).copied().flatten();
            let number = number
                .ok_or_else(|| damaged(Section::Manifest, "a segment's table is constant"))?;
            let count = segments::element_count(&segment.items);
            let range = segments::Range {
                destination: offset,
                source: 0,
                len: count as u64,
            };
            segments::copy_elements(core, instance, module, number, &segment.items, range)?
                .map_err(|()| trap(TrapCode::TableOutOfBounds))?;
        }
    }
    Ok(())
}

fn copy_data_segments(core: &mut StoreCore, instance: u32, module: &Module) -> Result<(), Error> {
    for segment in &module.manifest().data_segments {
        if let DataMode::Active { memory, offset } = &segment.mode {
            let offset = segments::evaluate_offset(core, instance, offset)?;
            let data = &core.instances[instance as usize];
            let number = data.memories.get(*memory as usize).copied();
            let number = number.ok_or_else(|| damaged(Section::Manifest, "a segment's memory"))?;
            let range = segments::Range {
                destination: offset,
                source: 0,
                len: u64::from(segment.bytes.len),
            };
            segments::copy_data(core, module, number, segment.bytes, range)
                .map_err(|()| trap(TrapCode::MemoryOutOfBounds))?;
        }
    }
    Ok(())
}

fn trap(code: TrapCode) -> Error {
    Error::Trap(Trap::from(code))
}
