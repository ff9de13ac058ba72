//! The conformance programs of WebAssembly/wasi-testsuite, where they are: in the folder that
//! `PRECAST_WASI_TESTSUITE` names, or in `shared/wasi-testsuite` beside the repository.
//!
//! `NAME.wasm` is a program; `NAME.json` says with what arguments, environment and directory it
//! runs and what must come of it. Each program gets a fresh copy of its directory.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use libtest_mimic::{Arguments, Failed, Trial};
use precast_loader::{Engine, Linker, Store};
use precast_wasi::{Exit, OutputBuffer, WasiCtx};
use serde_json::Value;

/// No program writes more.
const OUTPUT_LIMIT_BYTES: usize = 1 << 20;

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
    let stdout = OutputBuffer::new(OUTPUT_LIMIT_BYTES);
    let stderr = OutputBuffer::new(OUTPUT_LIMIT_BYTES);
    let mut context = WasiCtx::builder();
    context
        .arg(program.file_name().unwrap_or_default().to_string_lossy())
        .args(strings(&wanted["args"]))
        .stdout(stdout.clone())
        .stderr(stderr.clone());
    for (name, value) in wanted["env"].as_object().into_iter().flatten() {
        context.env(name, value.as_str().unwrap_or_default());
    }
    let root = wanted["root"].as_str().map(|root| {
        let original = program.parent().unwrap_or(program).join(root);
        ScratchCopy::of(&original)
    });
    let root = root.transpose()?;
    if let Some(root) = &root {
        context.preopened_dir(&root.0, "/");
    }

    let engine = Engine::default();
    let wasm = fs::read(program)?;
    let compiled = precast_tests::Compiled::new(&wasm, &precast_tests::options())?;
    let module = precast_tests::load(&engine, &compiled)?;
    let mut linker = Linker::new(&engine);
    precast_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
    let mut store = Store::new(&engine, context.build()?);
    let ended = linker
        .instantiate(&mut store, &module)
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
