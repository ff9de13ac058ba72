//! Loading, imports, exports and instantiation.

use precast_artifacts_format::{ConstExpr, DataMode, ElementMode, ImportType, Manifest, Tunables};
use precast_loader::{
    Engine, Error, Extern, ExternType, Func, Global, GlobalType, Instance, LimitError, LinkError,
    Linker, Memory, MemoryType, Module, Store, TrapCode, Val, ValType,
};

use crate::artifact::{Parts, call, func_type, parts, plain};

fn load_error(parts: &Parts) -> Error {
    // SAFETY: the code is that of the other tests; what is changed is refused.
    unsafe { Module::load_bytes(&Engine::default(), &parts.write()).unwrap_err() }
}

fn instantiate(change: impl FnOnce(&mut Manifest)) -> Result<(Store<()>, Instance), Error> {
    let mut parts = parts();
    change(&mut parts.manifest);
    let engine = Engine::default();
    let module = parts.load(&engine);
    let mut linker = Linker::new(&engine);
    linker.func("env", "host", |a: i64, b: i64| a - b)?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    Ok((store, instance))
}

#[test]
fn a_module_says_what_it_imports_and_exports() {
    let module = parts().load(&Engine::default());
    let imports: Vec<_> = module.imports().collect();
    assert_eq!(imports, [("env", "host", ExternType::Func(func_type()))]);
    assert_eq!(module.name(), Some("handmade"));
    assert_eq!(module.exports().count(), 15);
    let add = module.export("add");
    assert_eq!(add, Some(ExternType::Func(func_type())));
    assert_eq!(module.export("memory").unwrap().to_string(), "(memory 1 3)");
    assert_eq!(module.export("nothing"), None);
}

#[test]
fn a_file_is_mapped_like_bytes() {
    let path = std::env::temp_dir().join(format!("precast-{}.precast", std::process::id()));
    let mut parts = parts();
    parts.manifest.module_name = None;
    std::fs::write(&path, parts.write()).unwrap();
    let engine = Engine::default();
    // SAFETY: the file has just been written.
    let module = unsafe { Module::load(&engine, &path).unwrap() };
    std::fs::remove_file(&path).unwrap();
    let mut linker = Linker::new(&engine);
    linker.func("env", "host", |a: i64, _: i64| a).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let error = call(&mut store, instance, "divide", (1, 0)).unwrap_err();
    let stem = path.file_stem().unwrap().to_str().unwrap();
    assert!(
        error.to_string().ends_with(&format!("{stem}!divide")),
        "{error}"
    );
    // SAFETY: there is nothing to map.
    let error = unsafe { Module::load(&engine, &path).unwrap_err() };
    assert!(error.to_string().starts_with("cannot open"), "{error}");
}

#[test]
fn code_is_executable_and_never_writable() {
    let _kept = plain();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let ours: Vec<_> = maps
        .lines()
        .filter(|line| line.contains("precast"))
        .collect();
    assert!(ours.iter().any(|line| line.contains(" r-xp ")), "{maps}");
    for line in ours.iter().filter(|line| line.contains("memfd:")) {
        assert!(!line.contains("wx"), "{line}");
    }
}

#[test]
fn bytes_that_are_no_artifact_are_refused() {
    let engine = Engine::default();
    let bytes = parts().write();
    for len in [0, 1, 64, bytes.len() / 2, bytes.len() - 1] {
        assert!(Module::check(&bytes[..len]).is_err());
        // SAFETY: nothing is run, since nothing is loaded.
        let error = unsafe { Module::load_bytes(&engine, &bytes[..len]).unwrap_err() };
        assert!(matches!(error, Error::Artifact(_)), "{error}");
    }
    Module::check(&bytes).unwrap();
}

#[test]
fn an_unknown_runtime_symbol_is_named() {
    let mut parts = parts();
    parts.manifest.got[1] = "precast_tomorrow".into();
    let error = load_error(&parts).to_string();
    assert!(error.contains("`precast_tomorrow`"), "{error}");
}

#[test]
fn missing_imports_are_all_listed() {
    let mut parts = parts();
    let mut more = parts.manifest.imports[0].clone();
    more.name = "more".into();
    parts.manifest.imports.push(more);
    let engine = Engine::default();
    let module = parts.load(&engine);
    let linker = Linker::new(&engine);
    let error = linker.instantiate(&mut Store::new(&engine, ()), &module);
    let Err(Error::Link(LinkError::Missing(missing))) = error else {
        panic!("{error:?}");
    };
    let names: Vec<_> = missing.iter().map(|import| import.name.as_str()).collect();
    assert_eq!(names, ["host", "more"]);
    assert_eq!(missing[0].ty, ExternType::Func(func_type()));
}

#[test]
fn an_import_of_another_type_says_what_was_expected_and_found() {
    let engine = Engine::default();
    let module = parts().load(&engine);
    let mut linker = Linker::new(&engine);
    linker.func("env", "host", |a: i32| a).unwrap();
    let error = linker
        .instantiate(&mut Store::new(&engine, ()), &module)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "imports that are defined as something else:\n  \"env\" \"host\": expected (func (param \
         i64 i64) (result i64)), found (func (param i32) (result i32))"
    );
}

#[test]
fn a_name_is_defined_once_unless_shadowing_is_allowed() {
    let mut linker = Linker::<()>::new(&Engine::default());
    linker.func("a", "b", || ()).unwrap();
    let error = linker.func("a", "b", || ()).unwrap_err();
    assert_eq!(error.to_string(), "\"a\" \"b\" is defined already");
    linker
        .allow_shadowing(true)
        .func("a", "b", || 1i32)
        .unwrap();
}

#[test]
fn the_exports_of_one_instance_are_imports_of_another() {
    let engine = Engine::default();
    let module = parts().load(&engine);
    let mut linker = Linker::new(&engine);
    linker.func("env", "host", |a: i64, b: i64| a * b).unwrap();
    let mut store = Store::new(&engine, ());
    let first = linker.instantiate(&mut store, &module).unwrap();
    let divide = first.func(&mut store, "divide").unwrap();
    linker.allow_shadowing(true);
    linker.define("env", "host", divide).unwrap();
    linker.instance(&mut store, "first", first).unwrap();
    let second = linker.instantiate(&mut store, &module).unwrap();
    assert_eq!(call(&mut store, second, "call_host", (12, 4)).unwrap(), 3);
    let error = call(&mut store, second, "call_host", (12, 0)).unwrap_err();
    assert_eq!(error.backtrace().unwrap().frames().len(), 2);
    // It is still the first one's function.
    let import = second.func(&mut store, "host").unwrap();
    assert_eq!(import, divide);
    let through = linker.get(&mut store, "first", "divide").unwrap();
    assert_eq!(through, Extern::Func(divide));
}

#[test]
fn an_item_of_another_store_is_refused() {
    let (mut other, instance) = plain();
    let add = instance.func(&mut other, "add").unwrap();
    let engine = Engine::default();
    let module = parts().load(&engine);
    let mut linker = Linker::<()>::new(&engine);
    linker.define("env", "host", add).unwrap();
    let error = linker.instantiate(&mut Store::new(&engine, ()), &module);
    assert!(matches!(
        error,
        Err(Error::Link(LinkError::OtherStore { .. }))
    ));
}

#[test]
fn a_module_of_another_engine_is_refused() {
    let module = parts().load(&Engine::default());
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let func = Func::wrap(&mut store, |a: i64, _: i64| a).unwrap();
    let error = Instance::new(&mut store, &module, &[func.into()]);
    assert!(matches!(error, Err(Error::Link(LinkError::OtherEngine))));
}

#[test]
fn segments_are_applied_in_order_each_as_a_whole() {
    let (mut store, instance) = instantiate(|_| ()).unwrap();
    let memory = instance.memory(&mut store, "memory").unwrap();
    assert_eq!(memory.data(&store)[6..11], [0, b'a', b'b', b'c', 0]);
    assert_eq!(memory.data(&store)[4095..4097], [0, 0xee]);

    let error = instantiate(|manifest| {
        manifest.data_segments[0].mode = DataMode::Active {
            memory: 0,
            offset: ConstExpr::I32(65_534),
        };
    });
    let trap = error.unwrap_err().trap().unwrap().clone();
    assert_eq!(trap.to_string(), "trap: out of bounds memory access");

    let error = instantiate(|manifest| {
        manifest.element_segments[0].mode = ElementMode::Active {
            table: 0,
            offset: ConstExpr::I32(-1),
        };
    });
    let code = error.unwrap_err().trap().unwrap().code();
    assert_eq!(code, TrapCode::TableOutOfBounds);
}

#[test]
fn a_list_that_names_functions_that_are_not_there_is_refused() {
    for place in 0..2 {
        let mut parts = parts();
        parts.elements[place * 4..][..4].copy_from_slice(&77u32.to_le_bytes());
        let engine = Engine::default();
        let module = parts.load(&engine);
        let mut linker = Linker::new(&engine);
        linker.func("env", "host", |a: i64, _: i64| a).unwrap();
        let error = linker.instantiate(&mut Store::new(&engine, ()), &module);
        assert!(matches!(error, Err(Error::Artifact(_))), "{error:?}");
    }
}

#[test]
fn globals_start_with_their_values() {
    let (mut store, instance) = plain();
    let global = instance.global(&mut store, "global").unwrap();
    assert_eq!(global.get(&mut store), Val::I32(7));
    global.set(&mut store, Val::I32(-1)).unwrap();
    let again = instance.global(&mut store, "global").unwrap();
    assert_eq!(again, global);
    assert_eq!(again.get(&mut store), Val::I32(-1));
}

#[test]
fn imported_memories_and_globals_are_shared() {
    let mut parts = parts();
    let manifest = &mut parts.manifest;
    let memory_type = MemoryType::new(1, Some(3));
    let global_type = GlobalType {
        content: ValType::I32,
        mutable: false,
    };
    for (name, ty) in [
        ("memory", ImportType::Memory(memory_type)),
        ("global", ImportType::Global(global_type)),
    ] {
        let mut import = manifest.imports[0].clone();
        import.name = name.into();
        import.ty = ty;
        manifest.imports.push(import);
    }
    manifest.memories.clear();
    let engine = Engine::default();
    let module = parts.load(&engine);
    let mut store = Store::new(&engine, ());
    let func = Func::wrap(&mut store, |a: i64, _: i64| a).unwrap();
    let memory = Memory::new(&mut store, memory_type).unwrap();
    let global = Global::new(&mut store, global_type, Val::I32(100)).unwrap();
    let imports = [func.into(), memory.into(), global.into()];
    Instance::new(&mut store, &module, &imports).unwrap();
    assert_eq!(memory.data(&store)[100..103], *b"abc");

    // A memory that is too small, or may become too large.
    for (minimum_pages, maximum_pages) in [(0, Some(3)), (1, Some(4)), (1, None)] {
        let ty = MemoryType::new(minimum_pages, maximum_pages);
        let memory = Memory::new(&mut store, ty).unwrap();
        let error = Instance::new(
            &mut store,
            &module,
            &[func.into(), memory.into(), global.into()],
        );
        assert!(
            matches!(error, Err(Error::Link(LinkError::Mismatched(_)))),
            "{error:?}"
        );
    }
}

#[test]
fn a_memory_without_the_guard_that_the_code_needs_is_refused() {
    let mut parts = parts();
    parts.tunables = Tunables {
        memory_guard_bytes: 64 << 20,
        memory_checked: false,
        fuel: false,
    };
    let ty = MemoryType::new(1, None);
    parts.manifest.imports[0].ty = ImportType::Memory(ty);
    parts.manifest.memories.clear();
    parts.manifest.exports.clear();
    parts.manifest.escaping.len = 0;
    parts.manifest.element_segments.clear();
    let engine = Engine::default();
    let module = parts.load(&engine);
    let mut store = Store::new(&engine, ());
    let memory = Memory::new(&mut store, ty).unwrap();
    let error = Instance::new(&mut store, &module, &[memory.into()]);
    assert!(matches!(
        error,
        Err(Error::Link(LinkError::UnguardedMemory { .. }))
    ));
}

#[test]
fn a_memory_or_table_beyond_the_limits_is_refused() {
    let mut config = precast_loader::Config::new();
    config.max_memory_bytes(65_535).max_table_elements(3);
    for engine in [
        Engine::new(&config),
        Engine::new(config.max_memory_bytes(65_536)),
    ] {
        let module = parts().load(&engine);
        let mut linker = Linker::new(&engine);
        linker.func("env", "host", |a: i64, _: i64| a).unwrap();
        let error = linker.instantiate(&mut Store::new(&engine, ()), &module);
        assert!(
            matches!(
                error,
                Err(Error::Limit(
                    LimitError::Memory { .. } | LimitError::Table { .. }
                ))
            ),
            "{error:?}"
        );
    }
}
