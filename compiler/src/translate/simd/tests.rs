//! Every vector operator, compiled for every level of every target, with the verifier looking on.

use std::collections::BTreeSet;

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, LibCall};
use cranelift_codegen::{Context, FinalizedRelocTarget};
use precast_artifacts_format::{CpuLevel, Os, Target};
use wasmparser::{Validator, WasmFeatures};

use crate::env::ModuleEnv;
use crate::error::CompileError;
use crate::limits::Budget;
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

/// What operators take and give.
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

/// A function around one instruction.
struct Case {
    name: String,
    immediate: &'static str,
    params: &'static [&'static str],
    result: &'static str,
}

impl Case {
    /// The function, with `vector` for each operand that is one and parameters for the others.
    fn text(&self, vector: &str) -> String {
        let operands: String = (0..)
            .zip(self.params)
            .map(|(index, ty)| match *ty {
                "v128" => format!("{vector} ").replace("PARAM", &format!("(local.get {index})")),
                _ => format!("(local.get {index}) "),
            })
            .collect();
        format!(
            "(func (param {}) (result {}) {operands} {} {})\n",
            self.params.join(" "),
            self.result,
            self.name,
            self.immediate,
        )
    }

    fn is_valid(&self) -> bool {
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        validator.validate_all(&module(&self.text("PARAM"))).is_ok()
    }
}

/// A case for each instruction of `proposal`.
fn cases(proposal: &str) -> Vec<Case> {
    OPERATORS
        .iter()
        .filter(|&&(of, ..)| of == proposal)
        .map(|&(_, visit, immediates)| {
            let name = visit.trim_start_matches("visit_").replacen('_', ".", 1);
            case(&name, immediates).unwrap_or_else(|| panic!("{name} has no known signature"))
        })
        .collect()
}

/// The first case that is valid: its lane is the last one there is, its signature the only one
/// possible.
fn case(name: &str, immediates: &[&str]) -> Option<Case> {
    let immediates: &[&'static str] = match immediates {
        [] => &[""],
        ["memarg"] => &["offset=3"],
        ["lane"] => &["15", "7", "3", "1"],
        ["memarg", "lane"] => &["offset=3 15", "offset=3 7", "offset=3 3", "offset=3 1"],
        ["value"] => &["i64x2 0x0123456789abcdef -2"],
        ["lanes"] => &["3 17 8 31 0 16 2 5 9 30 12 7 21 1 19 4"],
        _ => return None,
    };
    let signatures = PARAMS
        .iter()
        .flat_map(|params| RESULTS.iter().map(move |result| (*params, *result)));
    immediates
        .iter()
        .flat_map(|immediate| {
            signatures
                .clone()
                .map(move |signature| (*immediate, signature))
        })
        .map(|(immediate, (params, result))| Case {
            name: name.to_owned(),
            immediate,
            params,
            result,
        })
        .find(Case::is_valid)
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
    let options = &Options {
        features: crate::Features::ALL,
        ..options.clone()
    };
    let budget = Budget::start(&options.limits);
    let module = parse::parse(wasm, options, &budget).unwrap();
    let plan = Plan::new(&module, &scan::scan(&module), options.target).unwrap();
    let isas = isa::build(options).unwrap();
    let env = ModuleEnv::new(&module, &plan, &*isas.usual, options, &budget);
    let mut context = Context::new();
    (0..)
        .zip(&module.bodies)
        .map(|(index, body)| {
            context.clear();
            let mut scratch = Scratch::default();
            translate(&env, index, body, &mut scratch, &mut context.func)?;
            let code = context
                .compile(&*isas.usual, &mut ControlPlane::default())
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

/// What x86-64 without extensions has no instructions for.
const WITHOUT_EXTENSIONS: &[(&str, LibCall)] = &[
    ("i8x16.shuffle", LibCall::X86Pshufb),
    ("i8x16.swizzle", LibCall::X86Pshufb),
    ("f32x4.ceil", LibCall::CeilF32),
    ("f32x4.floor", LibCall::FloorF32),
    ("f32x4.trunc", LibCall::TruncF32),
    ("f32x4.nearest", LibCall::NearestF32),
    ("f64x2.ceil", LibCall::CeilF64),
    ("f64x2.floor", LibCall::FloorF64),
    ("f64x2.trunc", LibCall::TruncF64),
    ("f64x2.nearest", LibCall::NearestF64),
    ("i32x4.trunc_sat_f64x2_u_zero", LibCall::TruncF64),
];

#[test]
fn operators_compile_for_all_levels() {
    let cases = cases("simd");
    assert_eq!(cases.len(), 236);
    let text: String = cases.iter().map(|case| case.text("PARAM")).collect();
    let wasm = module(&text);
    for level in CpuLevel::ALL {
        for opt_level in [OptLevel::None, OptLevel::Speed] {
            for other in [false, true] {
                let mut options = options_for(level);
                options.opt_level = opt_level;
                options.tunables.memory_checked = other;
                options.deterministic = other;
                let names = cases.iter().map(|case| case.name.as_str());
                let calls: Vec<_> = names
                    .zip(compile(&wasm, &options))
                    .flat_map(|(name, calls)| calls.unwrap().into_iter().map(move |c| (name, c)))
                    .collect();
                match level {
                    CpuLevel::X86_64(1) => assert_eq!(calls, WITHOUT_EXTENSIONS),
                    _ => assert_eq!(calls, [], "{level:?}"),
                }
            }
        }
    }
}

/// Of the relaxed operators. Multiplying and adding is not among them: it is done in two steps.
const RELAXED_WITHOUT_EXTENSIONS: &[(&str, LibCall)] = &[
    ("i8x16.relaxed_swizzle", LibCall::X86Pshufb),
    ("i32x4.relaxed_trunc_f64x2_u_zero", LibCall::TruncF64),
];

#[test]
fn relaxed_operators_compile_for_all_levels() {
    let cases = cases("relaxed_simd");
    assert_eq!(cases.len(), 20);
    let text: String = cases.iter().map(|case| case.text("PARAM")).collect();
    let wasm = module(&text);
    for level in CpuLevel::ALL {
        for opt_level in [OptLevel::None, OptLevel::Speed] {
            for deterministic in [false, true] {
                let mut options = options_for(level);
                options.opt_level = opt_level;
                options.deterministic = deterministic;
                let names = cases.iter().map(|case| case.name.as_str());
                let calls: Vec<_> = names
                    .zip(compile(&wasm, &options))
                    .flat_map(|(name, calls)| calls.unwrap().into_iter().map(move |c| (name, c)))
                    .collect();
                match level {
                    CpuLevel::X86_64(1) => assert_eq!(calls, RELAXED_WITHOUT_EXTENSIONS),
                    _ => assert_eq!(calls, [], "{level:?}"),
                }
            }
        }
    }
}

#[test]
fn relaxed_operators_that_are_deterministic_are_the_same_on_all_machines() {
    let cases = cases("relaxed_simd");
    let text: String = cases.iter().map(|case| case.text("PARAM")).collect();
    let wasm = module(&text);
    let translated = |deterministic: bool| {
        let texts = CpuLevel::ALL.map(|level| {
            let mut options = options_for(level);
            options.deterministic = deterministic;
            crate::list(&wasm, &options, crate::Listing::Clif).unwrap()
        });
        BTreeSet::from(texts).len()
    };
    assert_eq!(translated(true), 1);
    assert!(translated(false) > 3, "machines differ");
}

#[test]
fn operators_take_operands_of_any_lanes() {
    let vectors = [
        "(i8x16.neg PARAM)",
        "(i16x8.neg PARAM)",
        "(i32x4.neg PARAM)",
        "(i64x2.neg PARAM)",
        "(f32x4.neg PARAM)",
        "(f64x2.neg PARAM)",
        "(f32x4.eq PARAM (v128.const i64x2 1 2))",
        "(block (result v128) (f64x2.neg PARAM) (br_if 0 (i32.load (i32.const 0))))",
    ];
    let text: String = ["simd", "relaxed_simd"]
        .into_iter()
        .flat_map(cases)
        .flat_map(|case| vectors.map(move |vector| case.text(vector)))
        .collect();
    let wasm = module(&text);
    for level in CpuLevel::ALL {
        for result in compile(&wasm, &options_for(level)) {
            result.unwrap();
        }
    }
}
