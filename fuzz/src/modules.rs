//! Valid modules, made by wasm-smith of a fuzzer's bytes.

use arbitrary::{Arbitrary as _, Result, Unstructured};
use wasm_smith::{Config, MemoryOffsetChoices, Module};
use wasmparser::{Operator, Parser, Payload, TypeRef};

/// What modules may use, by who must understand them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Whatever wasm-smith makes of what the compiler has a name for; it may refuse some of that.
    Everything,
    /// What precast and wasmtime do.
    Wasmtime,
    /// What precast and wasmi do.
    Wasmi,
}

/// How often a module that is to be run may call functions and begin loops anew.
const FUEL: u32 = 2_000;

/// A module to be compiled.
///
/// # Errors
///
/// If the bytes are not enough for one.
pub fn to_compile(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut config = Config::arbitrary(u)?;
    config.compact_imports_enabled = false;
    config.custom_descriptors_enabled = false;
    config.shared_everything_threads_enabled = false;
    config.acquire_release_atomics_enabled = false;
    config.multibyte_array_access_enabled = false;
    // What the compiler does not do yet is refused before anything else is looked at.
    config.gc_enabled &= u.ratio(1, 8)?;
    config.generate_custom_sections = u.arbitrary()?;
    config.max_memories = config.max_memories.min(8);
    Ok(Module::new(config, u)?.to_bytes())
}

/// A module to be run: it exports everything, ends, and takes little memory. Where
/// NaNs come to be, they are made canonical by the module itself, unless `own_nans`.
///
/// # Errors
///
/// If the bytes are not enough for one.
pub fn to_run(u: &mut Unstructured<'_>, dialect: Dialect, own_nans: bool) -> Result<Vec<u8>> {
    let mut config = Config::arbitrary(u)?;
    let wasmtime = dialect == Dialect::Wasmtime;
    config.export_everything = true;
    (config.min_imports, config.max_imports) = (0, u.int_in_range(0..=4)?);
    // Few of everything, so that most of the bytes become code.
    (config.min_funcs, config.max_funcs) = (1, 5);
    (config.min_types, config.max_types) = (1, 5);
    config.max_type_size = 500;
    config.max_values = 4;
    config.max_instructions = 300;
    config.max_nesting_depth = 20;
    config.max_data_segments = 2;
    config.max_element_segments = 2;
    config.max_elements = 5;
    config.max_globals = 6;
    config.max_tags = 3;
    (config.min_memories, config.max_memories) = (u.int_in_range(0..=1)?, u.int_in_range(1..=3)?);
    config.max_memory32_bytes = 8 << 16;
    config.max_memory64_bytes = 8 << 16;
    config.memory_max_size_required = true;
    // Mostly within the memory's first page, but everywhere too.
    config.memory_offset_choices = MemoryOffsetChoices(90, 9, 1);
    (config.min_tables, config.max_tables) = (u.int_in_range(0..=1)?, 3);
    config.max_table_elements = 100;
    config.table_max_size_required = true;
    // What traps at once shows nothing of what comes after.
    config.disallow_traps = u.ratio(3, 4)?;
    config.canonicalize_nans = !own_nans;
    config.multi_value_enabled = true;
    config.bulk_memory_enabled = true;
    config.reference_types_enabled = true;
    config.sign_extension_ops_enabled = true;
    config.saturating_float_to_int_enabled = true;
    config.exceptions_enabled &= wasmtime;
    config.threads_enabled &= wasmtime;
    // Results may differ, unless all are told to be deterministic, which wasmi cannot be.
    config.relaxed_simd_enabled &= wasmtime && own_nans;
    config.gc_enabled = false;
    config.compact_imports_enabled = false;
    config.custom_descriptors_enabled = false;
    config.custom_page_sizes_enabled = wasmtime && u.arbitrary()?;
    config.shared_everything_threads_enabled = false;
    config.acquire_release_atomics_enabled = false;
    config.multibyte_array_access_enabled = false;
    config.wide_arithmetic_enabled &= wasmtime;
    config.allow_invalid_funcs = false;
    let mut module = Module::new(config, u)?;
    module
        .ensure_termination(FUEL)
        .map_err(|_| arbitrary::Error::IncorrectFormat)?;
    let wasm = module.to_bytes();
    // Waiting in a shared memory would be for ever.
    if has_shared_memory(&wasm) {
        return Err(arbitrary::Error::IncorrectFormat);
    }
    Ok(wasm)
}

/// Whether the module has operators that the specification's deterministic profile and wasmtime's
/// deterministic code decide differently: multiplying and adding in two steps or in one, dot products
/// that saturate or wrap.
///
/// # Panics
///
/// If the module is not valid.
pub fn is_of_opinions(wasm: &[u8]) -> bool {
    Parser::new(0).parse_all(wasm).any(|payload| {
        let Ok(Payload::CodeSectionEntry(body)) = payload else {
            return false;
        };
        let operators = body.get_operators_reader().expect("a valid module");
        operators.into_iter().any(|operator| {
            matches!(
                operator.expect("a valid module"),
                Operator::F32x4RelaxedMadd
                    | Operator::F32x4RelaxedNmadd
                    | Operator::F64x2RelaxedMadd
                    | Operator::F64x2RelaxedNmadd
                    | Operator::I16x8RelaxedDotI8x16I7x16S
                    | Operator::I32x4RelaxedDotI8x16I7x16AddS
            )
        })
    })
}

fn has_shared_memory(wasm: &[u8]) -> bool {
    Parser::new(0).parse_all(wasm).any(|payload| match payload {
        Ok(Payload::MemorySection(section)) => {
            let mut memories = section.into_iter();
            memories.any(|memory| memory.is_ok_and(|memory| memory.shared))
        }
        Ok(Payload::ImportSection(section)) => {
            let mut imports = section.into_imports();
            imports.any(|import| {
                import.is_ok_and(|it| matches!(it.ty, TypeRef::Memory(ty) if ty.shared))
            })
        }
        _ => false,
    })
}
