//! What a backtrace says: which functions, of which instances and stores, and where in the source.

use std::path::PathBuf;
use std::sync::Arc;

use precast_artifacts_format::{Artifact, ArtifactParts, CustomSections, Section, Symbol};
use precast_compiler::Options;
use precast_loader::{
    Backtrace, Caller, Engine, Error, Extern, Frame, FrameSymbol, Instance, Linker, Module, Store,
    TrapCode,
};
use precast_tests::{Compiled, call, instance, load, module, repository, wasm};

/// The modules in `data/dwarf` whose source is C, by the version of their DWARF.
const OF_C: [&str; 2] = ["c.dwarf4", "c.dwarf5"];
const OF_RUST: [&str; 2] = ["rust.dwarf4", "rust.dwarf5"];

fn data(file: &str) -> PathBuf {
    repository().join("tests/data/dwarf").join(file)
}

/// The line in a source in `data/dwarf` that says what it stops.
fn line_that_stops(source: &str, export: &str) -> u32 {
    let text = std::fs::read_to_string(data(source)).unwrap();
    let mark = format!("// stops \"{export}\"");
    let found = (1..)
        .zip(text.lines())
        .find(|(_, line)| line.ends_with(&mark));
    found.unwrap_or_else(|| panic!("{source}: {mark}")).0
}

fn compiled(name: &str) -> Compiled {
    let wasm = std::fs::read(data(&format!("{name}.wasm"))).unwrap();
    Compiled::new(&wasm, &precast_tests::options()).unwrap()
}

/// Instantiates a module that imports nothing and calls an export, which traps.
fn trap_in(module: &Module, export: &str, param: i32) -> Error {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[]).unwrap();
    call(&mut store, instance, export, param).unwrap_err()
}

fn trap_of(compiled: &Compiled, export: &str, param: i32) -> Error {
    trap_in(&load(&Engine::default(), compiled).unwrap(), export, param)
}

/// The backtrace in lines, without the head and without offsets of the module.
fn lines(backtrace: &Backtrace) -> Vec<String> {
    let text = backtrace.to_string();
    let lines = text.trim_start_matches("\nwasm backtrace:\n").lines();
    let lines = lines.map(|line| match line.split_once(" - ") {
        Some((place, function)) => {
            let (number, offset) = place.split_once(": ").unwrap();
            assert!(offset.starts_with("0x"), "{line}");
            format!("{number}: {function}")
        }
        None => line.to_owned(),
    });
    lines.collect()
}

fn functions(error: &Error) -> Vec<String> {
    let frames = error.backtrace().unwrap().frames().iter();
    let function = |frame: &Frame| {
        let name = frame.func_name().unwrap_or("?");
        format!("{}!{name}", frame.module_name())
    };
    frames.map(function).collect()
}

#[test]
fn inlined_functions_are_shown_with_file_and_line() {
    let line = line_that_stops("inlined.c", "walk");
    for name in OF_C {
        let error = trap_of(&compiled(name), "walk", 0);
        let expected = [
            format!("  0: {name}.wasm!go"),
            format!("       at /src/inlined.c:{line}:15 in checked (inlined)"),
            "       at /src/inlined.c:15:16 in step (inlined)".to_owned(),
            "       at /src/inlined.c:21:17".to_owned(),
            format!("  1: {name}.wasm!walk"),
            "       at /src/inlined.c:28:12".to_owned(),
        ];
        assert_eq!(lines(error.backtrace().unwrap()), expected, "{name}");
    }
}

#[test]
fn functions_of_another_unit_are_found_in_it() {
    let line = line_that_stops("divide.c", "ratio");
    for name in OF_C {
        let error = trap_of(&compiled(name), "ratio", 1);
        assert_eq!(error.trap().unwrap().code(), TrapCode::IntegerDivideByZero);
        let [divide, ratio] = error.backtrace().unwrap().frames() else {
            panic!("{error}");
        };
        let places = [divide, ratio].map(|frame| match &frame.symbols()[..] {
            [symbol] if !symbol.is_inlined() => {
                let name = symbol.name().unwrap().to_owned();
                (name, symbol.file().unwrap().to_owned(), symbol.line())
            }
            symbols => panic!("{name}: {symbols:?}"),
        });
        let divide = ("divide".into(), "/src/divide.c".into(), Some(line));
        let ratio = ("ratio".into(), "/src/inlined.c".into(), Some(32));
        assert_eq!(places, [divide, ratio], "{name}");
    }
}

#[test]
fn names_of_rust_are_shown_as_they_were_written() {
    let line = line_that_stops("rust.rs", "total");
    for name in OF_RUST {
        let error = trap_of(&compiled(name), "total", 0);
        let frames = error.backtrace().unwrap().frames();
        let raw = frames[0].func_name().unwrap();
        assert!(
            raw.starts_with("_ZN"),
            "the name itself is as it was: {raw}"
        );
        assert!(
            frames[0].to_string().ends_with("!rust::reciprocal"),
            "{error}"
        );
        let symbols = frames[0].symbols();
        let names: Vec<_> = symbols.iter().filter_map(FrameSymbol::name).collect();
        let inner = "core::core_arch::wasm32::unreachable";
        assert_eq!(names, [inner, "rust::reciprocal"], "{name}");
        assert_eq!(symbols[1].line(), Some(line));
        // A closure in a closure in a loop of the core library in a method.
        let symbols = frames[1].symbols();
        let inlined = symbols.iter().filter(|symbol| symbol.is_inlined());
        let inlined: Vec<_> = inlined.filter_map(FrameSymbol::name).collect();
        let expected = [
            "rust::total::{{closure}}",
            "rust::list::List::total::{{closure}}",
            "<core::slice::iter::Iter<T> as core::iter::traits::iterator::Iterator>::fold",
            "rust::list::List::total",
        ];
        assert_eq!(inlined, expected, "{name}");
    }
}

#[test]
fn without_debug_information_a_frame_is_one_line() {
    let options = Options {
        custom_sections: precast_compiler::CustomSections::NoDebug,
        ..precast_tests::options()
    };
    let wasm = std::fs::read(data("c.dwarf5.wasm")).unwrap();
    let compiled = Compiled::new(&wasm, &options).unwrap();
    let error = trap_of(&compiled, "walk", 0);
    let backtrace = error.backtrace().unwrap();
    assert_eq!(
        lines(backtrace),
        ["  0: c.dwarf5.wasm!go", "  1: c.dwarf5.wasm!walk"]
    );
    assert!(
        backtrace
            .frames()
            .iter()
            .all(|frame| frame.symbols().is_empty())
    );
}

/// The artifact with other contents in some of its sections.
fn changed(compiled: &Compiled, custom: Option<Vec<u8>>, symbols: &[Symbol]) -> Module {
    let artifact = Artifact::parse(compiled.bytes()).unwrap();
    let section = |section| artifact.section(section);
    let note = artifact.note();
    let bytes = precast_artifacts_format::write(&ArtifactParts {
        target: note.target,
        cpu_features: note.cpu_features,
        tunables: note.tunables,
        compiler_version: &note.compiler_version,
        manifest: artifact.manifest(),
        text: section(Section::Text),
        tables: section(Section::Tables),
        funcs: section(Section::Funcs),
        traps: section(Section::Traps),
        address_map: section(Section::AddrMap),
        unwind: section(Section::Unwind),
        elements: section(Section::Elements),
        passive: section(Section::Passive),
        image: section(Section::Image),
        custom: custom.as_deref().unwrap_or(section(Section::Custom)),
        symbols,
    });
    // SAFETY: the code and all that describes it are as the compiler wrote them.
    unsafe { Module::load_bytes(&Engine::default(), &bytes).unwrap() }
}

#[test]
fn a_function_without_a_name_is_shown_by_its_index() {
    let compiled = Compiled::new(
        &wasm(r#"(module $m (func) (func $f (export "f") (param i32) (result i32) unreachable))"#),
        &precast_tests::options(),
    );
    let error = trap_in(&changed(&compiled.unwrap(), None, &[]), "f", 0);
    let backtrace = error.backtrace().unwrap();
    assert_eq!(lines(backtrace), ["  0: m!<function 1>"]);
    assert_eq!(backtrace.frames()[0].func_name(), None);
}

#[test]
fn damaged_debug_information_leaves_the_functions() {
    for name in OF_C {
        let compiled = compiled(name);
        let artifact = Artifact::parse(compiled.bytes()).unwrap();
        let good: Vec<_> = artifact.custom_sections().iter().collect();
        for damaged in 0..good.len() {
            for fill in [0, 0xff] {
                let filled = vec![fill; good[damaged].1.len()];
                let mut bad = good.clone();
                bad[damaged].1 = &filled;
                let module = changed(&compiled, Some(CustomSections::encode(&bad)), &[]);
                let error = trap_in(&module, "walk", 0);
                let shown = error.to_string();
                assert!(
                    shown.starts_with("trap: integer divide by zero\nwasm backtrace:\n"),
                    "{shown}"
                );
                assert_eq!(error.backtrace().unwrap().frames().len(), 2, "{shown}");
            }
        }
    }
}

#[test]
fn names_and_files_stay_in_their_line() {
    // The same lengths, so that everything else stays where it is.
    let mut wasm = std::fs::read(data("c.dwarf4.wasm")).unwrap();
    let mut replace = |old: &[u8], new: &[u8]| {
        assert_eq!(old.len(), new.len());
        for at in 0..wasm.len() - old.len() {
            if wasm[at..].starts_with(old) {
                wasm[at..at + old.len()].copy_from_slice(new);
            }
        }
    };
    replace(b"inlined.c\0", b"\x1b[31m\n.c\0\0");
    replace(b"checked\0", b"\n  1: a\0");
    let compiled = Compiled::new(&wasm, &precast_tests::options()).unwrap();
    let error = trap_of(&compiled, "walk", 0);
    let backtrace = error.backtrace().unwrap();
    let inlined = "       at /src/\\u{1b}[31m\\n.c:11:15 in \\n  1: a (inlined)";
    assert_eq!(lines(backtrace)[1], inlined, "{error}");
    // Who asks gets what is there.
    assert_eq!(backtrace.frames()[0].symbols()[0].name(), Some("\n  1: a"));
}

#[test]
fn a_backtrace_outlives_everything_else() {
    let error = trap_of(&compiled("c.dwarf5"), "walk", 0);
    let expected = error.to_string();
    let copy = error.trap().unwrap().clone();
    drop(error);
    assert_eq!(copy.to_string(), expected);
    assert!(copy.backtrace().frames()[0].module().text_bytes() > 0);
}

#[test]
fn threads_can_ask_for_the_same_frames_at_once() {
    fn is_send_and_sync<T: Send + Sync>(_: &T) {}
    let error = Arc::new(trap_of(&compiled("rust.dwarf5"), "total", 0));
    is_send_and_sync(&error);
    let threads = [(); 4].map(|()| {
        let error = Arc::clone(&error);
        std::thread::spawn(move || error.to_string())
    });
    let shown = threads.map(|thread| thread.join().unwrap());
    assert!(
        shown[0].contains("in rust::list::List::total (inlined)"),
        "{}",
        shown[0]
    );
    assert!(shown.iter().all(|other| *other == shown[0]));
}

#[test]
fn frames_are_equal_at_the_same_place_of_the_same_module() {
    let compiled = compiled("c.dwarf5");
    let module = load(&Engine::default(), &compiled).unwrap();
    let other = load(&Engine::default(), &compiled).unwrap();
    let trap = |module, export| trap_in(module, export, 0).trap().unwrap().clone();
    assert_eq!(trap(&module, "walk"), trap(&module, "walk"));
    assert_ne!(trap(&module, "walk"), trap(&module, "ratio"));
    assert_ne!(trap(&module, "walk"), trap(&other, "walk"));
}

#[test]
fn frames_beyond_the_sixty_fourth_are_counted() {
    let (mut store, instance) = instance(
        r#"(module $deep (func $f (export "f") (param i32) (result i32)
             (if (i32.eqz (local.get 0)) (then unreachable))
             (i32.add (call $f (i32.sub (local.get 0) (i32.const 1))) (i32.const 1))))"#,
    );
    for (depth, omitted) in [(62, 0), (63, 0), (64, 1), (100, 37)] {
        let error = call(&mut store, instance, "f", depth).unwrap_err();
        let backtrace = error.backtrace().unwrap();
        assert_eq!(backtrace.omitted(), omitted);
        let lines = lines(backtrace);
        assert_eq!(lines[0], "  0: deep!f");
        let last = lines.last().unwrap();
        match omitted {
            0 => assert_eq!(*last, format!(" {depth}: deep!f")),
            _ => assert_eq!(*last, format!("  … {omitted} more")),
        }
    }
}

#[test]
fn frames_of_several_instances_and_modules_name_their_own() {
    let engine = Engine::default();
    let inner = module(
        &engine,
        r#"(module $inner (func $stop (export "stop") (param i32) (result i32) unreachable))"#,
    );
    let outer = module(
        &engine,
        r#"(module $outer (import "next" "f" (func $next (param i32) (result i32)))
             (func $call (export "f") (param i32) (result i32)
               (i32.add (call $next (local.get 0)) (i32.const 1))))"#,
    );
    let mut store = Store::new(&engine, ());
    let mut next = Instance::new(&mut store, &inner, &[]).unwrap();
    let mut export = "stop";
    for _ in 0..2 {
        let f = next.get_export(&mut store, export).unwrap();
        next = Instance::new(&mut store, &outer, &[f]).unwrap();
        export = "f";
    }
    let error = call(&mut store, next, "f", 0).unwrap_err();
    assert_eq!(
        functions(&error),
        ["inner!stop", "outer!call", "outer!call"]
    );
    assert_eq!(error.backtrace().unwrap().frames()[1].func_index(), 1);
}

/// A module whose `down` calls the host, and whose `stop` traps.
fn by_way_of_the_host(engine: &Engine, name: &str) -> Module {
    module(
        engine,
        &format!(
            r#"(module ${name} (import "host" "f" (func $host (param i32) (result i32)))
                 (func $down (export "down") (param i32) (result i32)
                   (i32.add (call $host (local.get 0)) (i32.const 1)))
                 (func $stop (export "stop") (param i32) (result i32) unreachable))"#
        ),
    )
}

#[test]
fn host_functions_between_guests_are_passed_over() {
    let engine = Engine::default();
    let module = by_way_of_the_host(&engine, "m");
    let mut linker = Linker::new(&engine);
    linker
        .func("host", "f", |mut caller: Caller<'_, ()>, left: i32| {
            let next = if left > 0 { "down" } else { "stop" };
            let next = caller.get_export(next).and_then(Extern::func).unwrap();
            let next = next.typed::<i32, i32>(&mut caller)?;
            next.call(&mut caller, left - 1)
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let error = call(&mut store, instance, "down", 2).unwrap_err();
    assert_eq!(functions(&error), ["m!stop", "m!down", "m!down", "m!down"]);
}

#[test]
fn frames_of_another_store_do_not_count() {
    let engine = Engine::default();
    let module = by_way_of_the_host(&engine, "m");
    let other = by_way_of_the_host(&engine, "other");
    let mut linker = Linker::new(&engine);
    let inner_engine = engine.clone();
    linker
        .func("host", "f", move |mut caller: Caller<'_, ()>, left: i32| {
            if left == 0 {
                let stop = caller.get_export("stop").and_then(Extern::func).unwrap();
                return stop.typed::<i32, i32>(&mut caller)?.call(&mut caller, 0);
            }
            // Another store runs on the same stack.
            let mut linker = Linker::<()>::new(&inner_engine);
            let mut failed = None;
            linker.func("host", "f", |left: i32| left).unwrap();
            let mut store = Store::new(&inner_engine, ());
            let instance = linker.instantiate(&mut store, &other)?;
            let stop = instance.typed_func::<i32, i32>(&mut store, "stop")?;
            if let Err(error) = stop.call(&mut store, 0) {
                failed = Some(functions(&error));
            }
            assert_eq!(failed.unwrap(), ["other!stop"]);
            let down = caller.get_export("down").and_then(Extern::func).unwrap();
            let down = down.typed::<i32, i32>(&mut caller)?;
            down.call(&mut caller, left - 1)
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let error = call(&mut store, instance, "down", 1).unwrap_err();
    assert_eq!(functions(&error), ["m!stop", "m!down", "m!down"]);
}
