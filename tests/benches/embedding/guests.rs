//! The modules that are loaded, instantiated and called.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// A little of everything that is called.
pub(crate) const GUEST: &str = r#"
    (module
      (import "host" "add" (func $host_add (param i32 i32) (result i32)))
      (type $binary (func (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "some contents")
      (table (export "table") 8 funcref)
      (elem (i32.const 3) $add)
      (func $add (export "add") (type $binary) (i32.add (local.get 0) (local.get 1)))
      (func (export "call_host") (param $times i32) (result i32)
        (local $sum i32)
        (loop $again
          (local.set $sum (call $host_add (local.get $sum) (i32.const 3)))
          (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
        (local.get $sum))
      (func (export "call_indirect") (param $times i32) (result i32)
        (local $sum i32)
        (loop $again
          (local.set $sum
            (call_indirect (type $binary) (local.get $sum) (i32.const 3)
              (i32.and (i32.const 3) (i32.or (local.get $times) (i32.const 3)))))
          (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
        (local.get $sum))
      (func (export "count") (param $times i32) (result i32)
        (local $sum i32)
        (loop $again
          (local.set $sum (i32.xor (i32.mul (local.get $sum) (i32.const 31)) (local.get $times)))
          (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
        (local.get $sum))
      (tag $tag (param i32))
      (func $throw (param i32) (result i32) (throw $tag (local.get 0)))
      (func $deeper (param $frames i32) (param i32) (result i32)
        (if (result i32) (local.get $frames)
          (then (i32.add (i32.const 1)
            (call $deeper (i32.sub (local.get $frames) (i32.const 1)) (local.get 1))))
          (else (call $throw (local.get 1)))))
      (func $catch (param $frames i32) (param i32) (result i32)
        (block $caught (result i32)
          (try_table (result i32) (catch $tag $caught)
            (call $deeper (local.get $frames) (local.get 1)))))
      (func $catch_often (param $times i32) (param $frames i32) (result i32)
        (local $sum i32)
        (loop $again
          (local.set $sum (call $catch (local.get $frames) (local.get $sum)))
          (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
        (local.get $sum))
      (func (export "throw") (param i32) (result i32)
        (call $catch_often (local.get 0) (i32.const 0)))
      (func (export "throw_deep") (param i32) (result i32)
        (call $catch_often (local.get 0) (i32.const 10)))
      (func $tail_calls (export "tail_calls") (param $times i32) (result i32)
        (if (i32.eqz (local.get $times)) (then (return (i32.const 7))))
        (return_call $tail_calls (i32.sub (local.get $times) (i32.const 1))))
      (func (export "trap") unreachable))
"#;

/// A module of which the artifact has about `bytes`: many functions of one kind.
pub(crate) fn of_size(bytes: usize) -> Vec<u8> {
    // Each group loads from memory and adds; it becomes about this much machine code and tables.
    const GROUPS: u32 = 100;
    const BYTES_PER_GROUP: usize = 15;
    let functions = (bytes / (GROUPS as usize * BYTES_PER_GROUP)).max(1) as u32;
    let mut body = vec![0]; // no locals
    for group in 0..GROUPS {
        body.extend([0x20, 0, 0x20, 0, 0x28, 2]); // local.get 0, local.get 0, i32.load
        leb128(&mut body, group * 4);
        body.extend([0x6a, 0x21, 0]); // i32.add, local.set 0
    }
    body.extend([0x20, 0, 0x0b]); // local.get 0, end

    let mut wasm = b"\0asm\x01\0\0\0".to_vec();
    section(&mut wasm, 1, &[1, 0x60, 1, 0x7f, 1, 0x7f]); // (func (param i32) (result i32))
    let mut types = Vec::new();
    leb128(&mut types, functions);
    types.resize(types.len() + functions as usize, 0);
    section(&mut wasm, 3, &types);
    section(&mut wasm, 5, &[1, 0, 1]); // (memory 1)
    section(&mut wasm, 7, &[1, 3, b'r', b'u', b'n', 0, 0]); // (export "run" (func 0))
    let mut code = Vec::new();
    leb128(&mut code, functions);
    for _ in 0..functions {
        leb128(&mut code, body.len() as u32);
        code.extend(&body);
    }
    section(&mut wasm, 10, &code);
    wasm
}

fn section(wasm: &mut Vec<u8>, id: u8, contents: &[u8]) {
    wasm.push(id);
    leb128(wasm, contents.len() as u32);
    wasm.extend(contents);
}

fn leb128(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The file of that name in the target folder, made by `make` if it is not newer than this program.
pub(crate) fn kept(
    name: &str,
    make: impl FnOnce() -> Result<Vec<u8>, Box<dyn Error>>,
) -> Result<PathBuf, Box<dyn Error>> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let changed = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    let program = changed(&std::env::current_exe()?)?;
    if changed(&path).is_ok_and(|kept| kept > program) {
        return Ok(path);
    }
    // The old one may be mapped.
    let new = path.with_extension("new");
    fs::write(&new, make()?)?;
    fs::rename(&new, &path)?;
    Ok(path)
}
