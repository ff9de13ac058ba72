//! The conformance programs of WebAssembly/wasi-testsuite, where they are: in the folder that
//! `PRECAST_WASI_TESTSUITE` names, or in `shared/wasi-testsuite` beside the repository.
//!
//! `NAME.wasm` is a program; `NAME.json` says with what arguments, environment and directory it
//! runs and what must come of it. A program that has a directory runs twice: with a fresh copy of it on the
//! host, and with one in memory.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use libtest_mimic::{Arguments, Failed, Trial};
use precast_loader::{Engine, Linker, Module, Store};
use precast_wasi::fs::MemoryFs;
use precast_wasi::{Exit, OutputBuffer, WasiCtx, WasiCtxBuilder};
use serde_json::Value;

/// No program writes more to its streams, or has more files.
const OUTPUT_LIMIT_BYTES: usize = 1 << 20;
const MEMORY_LIMIT_BYTES: u64 = 64 << 20;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let folder = std::env::var_os("PRECAST_WASI_TESTSUITE").map_or_else(
        || precast_tests::repository().join("../shared/wasi-testsuite"),
        PathBuf::from,
    );
    let programs = if folder.is_dir() {
        precast_tests::files_below(&folder, "wasm")
    } else {
        println!(
            "skipped: no wasi-testsuite ({} is no folder)",
            folder.display()
        );
        Vec::new()
    };
    let trials = programs
        .into_iter()
        .map(|program| {
            let name = program.strip_prefix(&folder).unwrap_or(&program);
            let name = name.with_extension("").display().to_string();
            Trial::test(name, move || run(&program))
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn run(program: &Path) -> Result<(), Failed> {
    let wanted = match fs::read_to_string(program.with_extension("json")) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) => Value::Null,
    };
    let engine = Engine::default();
    let wasm = fs::read(program)?;
    let compiled = precast_tests::Compiled::new(&wasm, &precast_tests::options())?;
    let module = precast_tests::load(&engine, &compiled)?;

    let mut context = context(program, &wanted);
    let Some(root) = wanted["root"].as_str() else {
        return check(&engine, &module, &mut context, &wanted);
    };
    let root = program.parent().unwrap_or(program).join(root);
    let copy = ScratchCopy::of(&root)?;
    context.preopened_dir(&copy.0, "/");
    check(&engine, &module, &mut context, &wanted)?;

    let mut context = self::context(program, &wanted);
    let files = MemoryFs::new(MEMORY_LIMIT_BYTES);
    fill(&files, &root, "")?;
    context.mount(files, "/");
    let checked = check(&engine, &module, &mut context, &wanted);
    checked.map_err(|failed| format!("in memory: {}", failed.message().unwrap_or("?")).into())
}

/// All that a program is given but streams and directory.
fn context(program: &Path, wanted: &Value) -> WasiCtxBuilder {
    let mut context = WasiCtx::builder();
    context
        .arg(program.file_name().unwrap_or_default().to_string_lossy())
        .args(strings(&wanted["args"]));
    for (name, value) in wanted["env"].as_object().into_iter().flatten() {
        context.env(name, value.as_str().unwrap_or_default());
    }
    context
}

/// Runs the program once.
fn check(
    engine: &Engine,
    module: &Module,
    context: &mut WasiCtxBuilder,
    wanted: &Value,
) -> Result<(), Failed> {
    let stdout = OutputBuffer::new(OUTPUT_LIMIT_BYTES);
    let stderr = OutputBuffer::new(OUTPUT_LIMIT_BYTES);
    context.stdout(stdout.clone()).stderr(stderr.clone());
    let mut linker = Linker::new(engine);
    precast_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
    let mut store = Store::new(engine, context.build()?);
    let ended = linker
        .instantiate(&mut store, module)
        .and_then(|instance| instance.typed_func::<(), ()>(&mut store, "_start"))
        .and_then(|start| start.call(&mut store, ()));
    let exit_code = match &ended {
        Ok(()) => 0,
        Err(error) => match error.downcast_ref::<Exit>() {
            Some(exit) => exit.0,
            None => return Err(format!("{error}\n{}", text(&stderr)).into()),
        },
    };
    let wanted_code = wanted["exit_code"].as_i64().unwrap_or(0);
    if i64::from(exit_code) != wanted_code {
        let said = text(&stderr);
        return Err(format!("exit code {exit_code}, not {wanted_code}\n{said}").into());
    }
    for (stream, name) in [(&stdout, "stdout"), (&stderr, "stderr")] {
        if let Some(wanted) = wanted[name].as_str()
            && text(stream) != wanted
        {
            return Err(format!("{name} is {:?}, not {wanted:?}", text(stream)).into());
        }
    }
    Ok(())
}

fn strings(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

fn text(stream: &OutputBuffer) -> String {
    String::from_utf8_lossy(&stream.contents()).into_owned()
}

/// A copy of a directory, gone when it is dropped.
struct ScratchCopy(PathBuf);

impl ScratchCopy {
    fn of(original: &Path) -> io::Result<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("precast-wasi-{}-{number}", std::process::id());
        let copy = Self(std::env::temp_dir().join(name));
        copy_folder(original, &copy.0)?;
        Ok(copy)
    }
}

impl Drop for ScratchCopy {
    fn drop(&mut self) {
        // What cannot be removed is left to the system.
        let _removed = fs::remove_dir_all(&self.0);
    }
}

/// Copies files, folders and symlinks, but not what earlier runs have left (`*.cleanup`).
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if path.extension().is_some_and(|ending| ending == "cleanup") {
            continue;
        } else if kind.is_dir() {
            copy_folder(&path, &place)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path)?, &place)?;
        } else {
            fs::write(&place, fs::read(&path)?)?;
        }
    }
    Ok(())
}

/// The same, into memory beneath `to`, which is empty or ends with a slash.
fn fill(files: &MemoryFs, from: &Path, to: &str) -> Result<(), Failed> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let path = entry.path();
        let place = format!("{to}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        if path.extension().is_some_and(|ending| ending == "cleanup") {
            continue;
        } else if kind.is_dir() {
            files.create_dir_all(&place)?;
            fill(files, &path, &format!("{place}/"))?;
        } else if kind.is_symlink() {
            files.symlink(&fs::read_link(&path)?.to_string_lossy(), &place)?;
        } else {
            files.write(&place, fs::read(&path)?)?;
        }
    }
    Ok(())
}
