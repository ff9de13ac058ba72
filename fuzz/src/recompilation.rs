//! A module after another one, compiled with what was kept of that.

use arbitrary::{Result, Unstructured};
use precast_compiler::{Compilation, CompileError, Functions, Options, compile};
use wasm_encoder::{CodeSection, FunctionSection, Module, RawSection};
use wasmparser::{Parser, Payload};

use crate::modules::{self, Dialect};
use crate::{expressions, options};

/// Of what is kept of functions, the bytes that hold the digest of all before.
const DIGEST_BYTES: usize = blake3::OUT_LEN;

/// Whatever was kept, of whatever module, the artifact is the one of a whole compilation, and so is
/// what is kept of that. If what was kept has been damaged, with a digest that is right again, it is
/// refused or compiled with; the code is not run.
///
/// # Panics
///
/// If a promise is broken.
pub fn check(bytes: &[u8]) {
    let _ = Functions::from_bytes(bytes.to_vec());
    // Bytes that are not enough for a module are no failure.
    let _ = try_check(&mut Unstructured::new(bytes));
}

/// The same, and whether anything was used again.
///
/// # Errors
///
/// If the bytes are not enough for a module.
///
/// # Panics
///
/// If a promise is broken.
pub fn try_check(u: &mut Unstructured<'_>) -> Result<bool> {
    let options = options::any(u)?;
    let damage: [[u8; 3]; 8] = u.arbitrary()?;
    let mut after_options = options.clone();
    if u.ratio(1, 8)? {
        after_options = options::any(u)?;
    }
    let dialect = Dialect::Wasmtime;
    let before = match u.int_in_range(0..=3)? {
        0 => modules::to_compile(u)?,
        1 => modules::to_run(u, dialect, options.deterministic)?,
        _ => expressions::to_run(u, dialect, options.deterministic)?,
    };
    let after = changed(&before, u)?;
    let Some(kept) = kept(&before, &options) else {
        return Ok(false);
    };
    let reused = compare(&after, &after_options, &kept);
    // And back.
    if let Some(next) = self::kept(&after, &after_options) {
        compare(&before, &options, &next);
    }
    damaged(&before, &options, &kept, &damage);
    Ok(reused > 0)
}

/// Compiles with what was kept and without; gives how many functions were used again.
fn compare(wasm: &[u8], options: &Options, kept: &Functions) -> usize {
    let whole = Compilation::new(wasm, options).incremental(None).run();
    let again = Compilation::new(wasm, options)
        .incremental(Some(kept))
        .run();
    match (whole, again) {
        (Ok(whole), Ok(again)) => {
            assert_eq!(Ok(&whole.bytes), compile(wasm, options).as_ref());
            assert!(
                whole.bytes == again.bytes,
                "another artifact than without what was kept"
            );
            let (whole, again) = (whole.incremental, again.incremental);
            let (whole, again) = whole.zip(again).expect("what was asked for");
            assert!(
                whole.functions == again.functions,
                "other functions than are kept without"
            );
            assert_eq!(whole.reused, 0, "nothing was kept");
            again.reused
        }
        (Err(whole), Err(again)) => {
            assert_eq!(whole, again, "another error than without what was kept");
            0
        }
        (whole, again) => panic!(
            "without what was kept {:?}, with it {:?}",
            whole.map(|made| made.bytes.len()),
            again.map(|made| made.bytes.len()),
        ),
    }
}

/// What is kept of a module; `None` if it does not compile.
fn kept(wasm: &[u8], options: &Options) -> Option<Functions> {
    let compiled = Compilation::new(wasm, options).incremental(None).run();
    match compiled {
        Ok(compiled) => compiled.incremental.map(|made| made.functions),
        Err(CompileError::Internal { .. }) => panic!("{:?}", compiled.err()),
        Err(_) => None,
    }
}

/// Compiles with functions that are not what was kept of anything: each of the pieces of damage by
/// itself is a record, where in it, and what bits.
fn damaged(wasm: &[u8], options: &Options, kept: &Functions, damage: &[[u8; 3]]) {
    let records: Vec<_> = kept.records().map(|(_, record)| record).collect();
    for &[index, place, bits] in damage {
        let Some(record) = records.get(usize::from(index) % records.len().max(1)) else {
            continue;
        };
        let start = record.as_ptr().addr() - kept.as_bytes().as_ptr().addr();
        // What is known of the code comes after the code.
        let place = record.len() - 1 - usize::from(place) * record.len() / 400;
        let mut bytes = kept.as_bytes().to_vec();
        bytes[start + place] ^= bits;
        let hashed = bytes.len() - DIGEST_BYTES;
        let digest = blake3::hash(&bytes[..hashed]);
        bytes[hashed..].copy_from_slice(digest.as_bytes());
        if let Ok(functions) = Functions::from_bytes(bytes) {
            let _ = Compilation::new(wasm, options)
                .incremental(Some(&functions))
                .run();
        }
    }
}

/// A function that a module defines: its type and its body.
type Function = (u32, Vec<u8>);

/// The module with some functions changed: most often one that compiles, too.
fn changed(wasm: &[u8], u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut functions = functions(wasm);
    if functions.is_empty() {
        return Ok(wasm.to_vec());
    }
    for _ in 0..u.int_in_range(1..=2)? {
        let one = u.choose_index(functions.len())?;
        let alike = (0..functions.len()).filter(|&it| functions[it].0 == functions[one].0);
        let alike: Vec<usize> = alike.collect();
        let other = *u.choose(&alike)?;
        match u.int_in_range(0..=5)? {
            0 => functions.swap(one, other),
            1 => functions[one] = functions[other].clone(),
            2 => functions.push(functions[one].clone()),
            // An operator that does nothing, before the body's end.
            3 => {
                let body = &mut functions[one].1;
                body.insert(body.len() - 1, 0x01);
            }
            // A constant, most often.
            _ => {
                let body = &mut functions[one].1;
                let constants = (1..body.len()).filter(|&at| (0x41..=0x44).contains(&body[at - 1]));
                let constants: Vec<usize> = constants.collect();
                if !constants.is_empty() {
                    body[*u.choose(&constants)?] ^= 1 << u.int_in_range(0..=5)?;
                }
            }
        }
    }
    Ok(with_functions(wasm, &functions))
}

fn functions(wasm: &[u8]) -> Vec<Function> {
    let (mut types, mut bodies) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.expect("a module that can be read") {
            Payload::FunctionSection(section) => {
                types = section.into_iter().map(|ty| ty.expect("valid")).collect();
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.as_bytes().to_vec()),
            _ => {}
        }
    }
    types.into_iter().zip(bodies).collect()
}

/// The module with other functions.
fn with_functions(wasm: &[u8], functions: &[Function]) -> Vec<u8> {
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.expect("a module that can be read");
        match payload {
            Payload::FunctionSection(_) => {
                let mut types = FunctionSection::new();
                for &(ty, _) in functions {
                    types.function(ty);
                }
                module.section(&types);
            }
            Payload::CodeSectionStart { .. } => {
                let mut code = CodeSection::new();
                for (_, body) in functions {
                    code.raw(body);
                }
                module.section(&code);
            }
            _ => {
                if let Some((id, range)) = payload.as_section() {
                    let data = &wasm[range.start as usize..range.end as usize];
                    module.section(&RawSection { id, data });
                }
            }
        }
    }
    module.finish()
}
