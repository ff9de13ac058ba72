//! How much a module may ask of the machine that compiles it.
//!
//! What is counted is checked where it first is known and before anything is made of it: the size of the
//! module first, sections as they are validated, a body before it is translated, nesting and operands
//! while it is. Time and memory are the business of [`Budget`], which all threads share.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wasmparser::{FuncValidator, FunctionBody, Validator, WasmModuleResources};

use crate::error::CompileError;

type Result<T, E = CompileError> = std::result::Result<T, E>;

/// The largest module, in bytes, whatever is asked for: offsets into it are 32-bit numbers.
const MAX_MODULE_BYTES: u64 = u32::MAX as u64;

/// The most locals, whatever is asked for.
const MAX_LOCALS: u32 = 50_000;

/// Memory that the compilation of a function takes for each byte of its body, and some more.
/// (`cargo bench -p precast-tests --bench shapes` shows what functions of all kinds take.)
const MEMORY_PER_BODY_BYTE: u64 = 1024;

/// Operators between two looks at the clock.
const OPERATORS_BETWEEN_LOOKS: u32 = 1 << 12;

/// The most that a module may ask of the machine that compiles it. A module that asks for more is
/// refused with [`CompileError::Limit`], which names the field. No limit changes an artifact; one that is
/// found in a cache has not been compiled, and exceeds none.
///
/// The defaults take every module that engines have
/// [agreed](https://webassembly.github.io/spec/js-api/#limits) to take. Most of what is counted cannot be
/// raised beyond that; a larger number then means no more. Who compiles for strangers will want to set
/// [`time`](Self::time), and lower whatever no honest guest needs.
///
/// ```
/// use precast_compiler::{CompileError, Options, compile};
/// use std::time::Duration;
///
/// let mut options = Options::default();
/// options.limits.time = Some(Duration::from_secs(10));
/// options.limits.functions = 1;
/// # let wasm = wat::parse_str("(module (func) (func))").unwrap();
/// let error = compile(&wasm, &options).unwrap_err();
/// assert!(matches!(error, CompileError::Limit { limit: 1, name: Some("functions"), .. }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the module. Default: 1 GiB; at most 4 GiB less one byte.
    pub module_bytes: u64,
    /// Types of the module. Default, and at most: 1,000,000.
    pub types: u32,
    /// Functions, imported ones among them. Default, and at most: 1,000,000.
    pub functions: u32,
    /// Bytes of the body of a function. Default, and at most: 7,654,321.
    pub body_bytes: u32,
    /// Locals of a function, parameters among them. Default, and at most: 50,000.
    pub locals: u32,
    /// How deep the blocks of a function are nested, its body being the first. Default: no limit but that
    /// of the body's bytes, since time and memory do not grow faster than the depth.
    pub nesting: u32,
    /// Operands that are on the stack at once. Default: no limit but that of the body's bytes.
    pub operands: u32,
    /// Bytes that the compilation of functions takes at once, by an estimate: 1,024 for each byte of
    /// the bodies of those that are in work. Threads wait for one another where there is not enough for
    /// all of them, and a function that is too large alone is refused. Default: 8 GiB, which is enough
    /// for each function that there can be, but keeps a machine of many CPUs from compiling many such at
    /// once.
    ///
    /// This promises an order of magnitude, no more. Small functions can be made that take more, up to
    /// 120 MiB each before they meet another limit. And on top of that come the module, what has been
    /// parsed of it, the code, and the artifact, which together grow with the module: usually to ten times
    /// its size, at worst to sixty times. Only the operating system can give a hard limit.
    pub memory_bytes: u64,
    /// How long a compilation takes, by the clock on the wall. It is looked at between sections
    /// and functions, and in functions as long as they are translated. What follows that, in the code
    /// generator, is not interrupted: for the largest functions it takes up to a minute, and a
    /// compilation ends that much later at worst ([`body_bytes`](Self::body_bytes) makes that less).
    /// Default: none, so that whether a module compiles does not depend on the machine.
    pub time: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            module_bytes: 1 << 30,
            types: 1_000_000,
            functions: 1_000_000,
            body_bytes: 7_654_321,
            locals: 50_000,
            nesting: u32::MAX,
            operands: u32::MAX,
            memory_bytes: 8 << 30,
            time: None,
        }
    }
}

impl Limits {
    /// Before anything else is looked at.
    pub(crate) fn check_module(&self, wasm: &[u8]) -> Result<()> {
        let limit = self.module_bytes.min(MAX_MODULE_BYTES);
        let name = (limit < MAX_MODULE_BYTES).then_some("module_bytes");
        let what = "the module is too large, in bytes";
        exceeds(wasm.len() as u64, what, limit, name)
    }

    /// After a section has been validated, and before anything is made of it.
    pub(crate) fn check_section(&self, validator: &Validator) -> Result<()> {
        let Some(types) = validator.types(0) else {
            return Ok(());
        };
        let (found, limit) = (types.core_type_count_in_module(), self.types);
        check(found, limit, "there are too many types", "types")?;
        let (found, limit) = (types.function_count(), self.functions);
        check(found, limit, "there are too many functions", "functions")
    }

    /// Before a body is decoded.
    pub(crate) fn check_body(&self, body: &FunctionBody<'_>) -> Result<()> {
        let (found, limit) = (body.as_bytes().len() as u64, self.body_bytes.into());
        let what = "a function's body is too large, in bytes";
        exceeds(found, what, limit, Some("body_bytes"))
    }

    /// Before the locals of a body are declared to its validator, which knows of the parameters.
    pub(crate) fn check_locals<T: WasmModuleResources>(
        &self,
        body: &FunctionBody<'_>,
        validator: &FuncValidator<T>,
    ) -> Result<()> {
        let mut locals = u64::from(validator.len_locals());
        for declaration in body.get_locals_reader().into_iter().flatten() {
            // For the validator to refuse: it cannot be read, or there are more than 32 bits can
            // count, of which the specification has no function.
            let Ok((count, _)) = declaration else {
                return Ok(());
            };
            locals = locals.saturating_add(count.into());
        }
        let limit = self.locals.min(MAX_LOCALS);
        let name = (limit < MAX_LOCALS).then_some("locals");
        exceeds(locals, "a function has too many locals", limit.into(), name)
    }

    /// After an operator.
    pub(crate) fn check_operator<T: WasmModuleResources>(
        &self,
        validator: &FuncValidator<T>,
    ) -> Result<()> {
        let what = "the blocks of a function are nested too deep";
        let depth = validator.control_stack_height();
        check(depth, self.nesting, what, "nesting")?;
        let what = "a function has too many operands on the stack at once";
        let height = validator.operand_stack_height();
        check(height, self.operands, what, "operands")
    }
}

fn check(found: u32, limit: u32, what: &'static str, name: &'static str) -> Result<()> {
    exceeds(found.into(), what, limit.into(), Some(name))
}

fn exceeds(found: u64, what: &'static str, limit: u64, name: Option<&'static str>) -> Result<()> {
    if found > limit {
        return Err(CompileError::Limit { what, limit, name });
    }
    Ok(())
}

/// The time and the memory that a compilation has left.
pub(crate) struct Budget {
    deadline: Option<Instant>,
    limits: Limits,
    in_use: Mutex<u64>,
    less_in_use: Condvar,
}

impl Budget {
    /// The time starts now.
    pub(crate) fn start(limits: &Limits) -> Self {
        Self {
            // What is too far away to be told never comes.
            deadline: limits
                .time
                .and_then(|time| Instant::now().checked_add(time)),
            limits: *limits,
            in_use: Mutex::new(0),
            less_in_use: Condvar::new(),
        }
    }

    /// Whether there is time left.
    pub(crate) fn check_time(&self) -> Result<()> {
        let Some(deadline) = self.deadline else {
            return Ok(());
        };
        if Instant::now() < deadline {
            return Ok(());
        }
        let milliseconds = self.limits.time.unwrap_or_default().as_millis();
        Err(CompileError::Limit {
            what: "the compilation takes too long, in milliseconds",
            limit: u64::try_from(milliseconds).unwrap_or(u64::MAX),
            name: Some("time"),
        })
    }

    /// As [`Budget::check_time`], for each of many operators.
    pub(crate) fn check_time_sometimes(&self, operators: &mut u32) -> Result<()> {
        *operators += 1;
        if operators.is_multiple_of(OPERATORS_BETWEEN_LOOKS) {
            self.check_time()?;
        }
        Ok(())
    }

    /// Memory for the compilation of a body of so many bytes, once there is enough, until the
    /// result is dropped. A thread must hold no other share while it waits.
    pub(crate) fn take_memory(&self, body_bytes: usize) -> Result<Share<'_>> {
        let bytes = (body_bytes as u64).saturating_mul(MEMORY_PER_BODY_BYTE);
        let limit = self.limits.memory_bytes;
        let what = "the compilation of a function takes too much memory, in bytes";
        exceeds(bytes, what, limit, Some("memory_bytes"))?;
        let in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        let mut in_use = self
            .less_in_use
            .wait_while(in_use, |in_use| *in_use > limit - bytes)
            .unwrap_or_else(PoisonError::into_inner);
        *in_use += bytes;
        Ok(Share {
            budget: self,
            bytes,
        })
    }
}

/// Memory that somebody may use.
pub(crate) struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let budget = self.budget;
        let mut in_use = budget.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        *in_use -= self.bytes;
        budget.less_in_use.notify_all();
    }
}

#[cfg(test)]
mod tests;
