//! Every vector operator, compiled for every level of every target, with the verifier looking on.

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, LibCall};
use cranelift_codegen::{Context, FinalizedRelocTarget};
use precast_artifacts_format::{CpuLevel, Os, Target, Tunables};
use wasmparser::{Validator, WasmFeatures};

use crate::env::ModuleEnv;
use crate::error::CompileError;
use crate::options::{OptLevel, Options};
use crate::plan::Plan;
use crate::translate::{Scratch, translate};
use crate::{isa, parse, scan};

macro_rules! operators {
    ($(@$proposal:ident $op:ident $({ $($immediate:ident: $ty:ty),* })? => $visit:ident
        ($($arity:tt)*))*) => {
        /// Proposal, visiting method and names of the immediates of all the vector operators that the
        /// parser knows.
        const OPERATORS: &[(&str, &str, &[&str])] = &[$((
            stringify!($proposal),
            stringify!($visit),
            &[$($(stringify!($immediate)),*)?],
        )),*];
    };
}
wasmparser::for_each_visit_simd_operator!(operators);

/// What one operator, or none, takes and gives.
const PARAMS: &[&[&str]] = &[
    &[],
    &["v128"],
    &["v128", "v128"],
    &["v128", "v128", "v128"],
    &["i32"],
    &["i64"],
    &["f32"],
    &["f64"],
    &["i32", "v128"],
    &["v128", "i32"],
    &["v128", "i64"],
    &["v128", "f32"],
    &["v128", "f64"],
];
const RESULTS: &[&str] = &["", "v128", "i32", "i64", "f32", "f64"];

/// The instructions of `proposal`, by name, and for each a function that applies it to its
/// parameters.
fn functions(proposal: &str) -> Vec<(String, String)> {
    OPERATORS
        .iter()
        .filter(|&&(of, ..)| of == proposal)
        .map(|&(_, visit, immediates)| {
            let name = visit.trim_start_matches("visit_").replacen('_', ".", 1);
            let function = function(&name, immediates);
            let function = function.unwrap_or_else(|| panic!("{name} has no known signature"));
            (name, function)
        })
        .collect()
}

/// The first of all functions with that instruction that is valid: the lane is the last one there
/// is, and the signature the only possible one.
fn function(name: &str, immediates: &[&str]) -> Option<String> {
    let immediates: &[&str] = match immediates {
        [] => &[""],
        ["memarg"] => &["offset=3"],
        ["lane"] => &["15", "7", "3", "1"],
        ["memarg", "lane"] => &["offset=3 15", "offset=3 7", "offset=3 3", "offset=3 1"],
        ["value"] => &["i64x2 0x0123456789abcdef -2"],
        ["lanes"] => &["3 17 8 31 0 16 2 5 9 30 12 7 21 1 19 4"],
        _ => return None,
    };
    immediates
        .iter()
        .flat_map(|immediate| {
            PARAMS.iter().flat_map(move |params| {
                RESULTS.iter().map(move |result| {
                    let operands: String = (0..params.len())
                        .map(|index| format!("local.get {index} "))
                        .collect();
                    let params = params.join(" ");
                    format!(
                        "(func (param {params}) (result {result}) {operands} {name} {immediate})"
                    )
                })
            })
        })
        .find(|function| {
            let wasm = module(function);
            let mut validator = Validator::new_with_features(WasmFeatures::all());
            validator.validate_all(&wasm).is_ok()
        })
}

fn module(functions: &str) -> Vec<u8> {
    wat::parse_str(format!("(module (memory 1) {functions})")).unwrap()
}

fn options_for(level: CpuLevel) -> Options {
    let mut options = Options::for_target(Target {
        arch: level.arch(),
        os: Os::Linux,
    });
    options.cpu_level(level).unwrap();
    options
}

/// Compiles the functions of `wasm`; gives what each calls of the code generator's library.
fn compile(wasm: &[u8], options: &Options) -> Vec<Result<Vec<LibCall>, CompileError>> {
    let module = parse::parse(wasm).unwrap();
    let plan = Plan::new(&module, &scan::scan(&module), options.target).unwrap();
    let isa = isa::build(options).unwrap();
    let env = ModuleEnv::new(&module, &plan, &*isa, options.tunables);
    let mut scratch = Scratch::default();
    let mut context = Context::new();
    (0..)
        .zip(&module.bodies)
        .map(|(index, body)| {
            context.clear();
            translate(&env, index, body, &mut scratch, &mut context.func)?;
            let code = context
                .compile(&*isa, &mut ControlPlane::default())
                .unwrap_or_else(|error| panic!("function {index}: {:?}", error.inner));
            let relocations = code.buffer.relocs().iter();
            let mut calls: Vec<_> = relocations
                .filter_map(|relocation| match relocation.target {
                    FinalizedRelocTarget::ExternalName(ExternalName::LibCall(call)) => Some(call),
                    _ => None,
                })
                .collect();
            calls.dedup();
            Ok(calls)
        })
        .collect()
}

#[test]
fn all_operators_compile_for_all_levels() {
    let functions = functions("simd");
    assert_eq!(functions.len(), 236);
    let text: String = functions.iter().map(|(_, text)| text.as_str()).collect();
    let wasm = module(&text);
    for level in CpuLevel::ALL {
        for opt_level in [OptLevel::None, OptLevel::Speed] {
            for memory_checked in [false, true] {
                let mut options = options_for(level);
                options.opt_level = opt_level;
                options.tunables.memory_checked = memory_checked;
                let calls: Vec<_> = compile(&wasm, &options)
                    .into_iter()
                    .zip(&functions)
                    .map(|(calls, (name, _))| (name.as_str(), calls.unwrap()))
                    .filter(|(_, calls)| !calls.is_empty())
                    .collect();
                println!("{level:?} {opt_level:?} {memory_checked} {calls:#?}");
            }
        }
    }
}
