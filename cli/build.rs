//! Links the unwinder into the programs, where the C compiler has it as an archive: loading the shared
//! `libgcc_s` takes longer than all the rest that happens before a small guest starts.

use std::env;
use std::path::Path;
use std::process::Command;

const UNWINDER: &str = "libgcc_eh.a";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    // Who links all of the C library statically has it anyway.
    let is_static = target("FEATURE").split(',').any(|it| it == "crt-static");
    if target("OS") == "linux" && target("ENV") == "gnu" && !is_static && has_unwinder() {
        // Before the standard library asks for the shared one, which is then not needed.
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}

/// Whether the linker will find the archive.
fn has_unwinder() -> bool {
    let is_native = env::var_os("TARGET") == env::var_os("HOST");
    let linker = match env::var_os("RUSTC_LINKER") {
        Some(linker) => linker,
        None if is_native => "cc".into(),
        None => return false,
    };
    let option = format!("-print-file-name={UNWINDER}");
    let output = Command::new(linker).arg(option).output();
    // Only a name, and no path, if there is no such file.
    output.is_ok_and(|output| {
        let path = String::from_utf8_lossy(&output.stdout);
        Path::new(path.trim()).is_absolute()
    })
}
