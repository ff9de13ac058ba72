//! Machine code for every function, in parallel, handed on in a fixed order.
//!
//! Workers take functions in small batches and send what becomes of them to the calling thread,
//! which passes each on as soon as all before it have gone: only what is out of order is ever kept, and
//! the receiver sees the same sequence whatever the number of threads. If several functions fail,
//! the error is that of the first of them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, Function, LibCall};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{
    Context, ExceptionContextLoc, FinalizedMachCallSite, FinalizedMachExceptionHandler,
    FinalizedRelocTarget,
};
use cranelift_frontend::FunctionBuilderContext;
use precast_artifacts_format::{Catches, CpuFeatures, Handler, RuntimeSymbol, Target, TrapCode};

use crate::cpu_scan;
use crate::env::{ModuleEnv, Reference, Throwing};
use crate::error::CompileError;
use crate::incremental::{Kept, Shelf};
use crate::module::Module;
use crate::options::Options;
use crate::plan::Plan;
use crate::profile::Recorder;
use crate::trampoline::{self, Passing};
use crate::translate::{self, Extent, Scratch};
use crate::trap::trap_code;

/// Jobs that a worker takes at a time: enough that passing them on costs nothing beside making
/// them, few enough that all workers finish at about the same time.
const BATCH: usize = 16;

/// The most basic blocks, with targets of jump tables counted as such, for the better passes.
const MAX_BLOCKS: usize = 1 << 14;
/// The most instructions of the code generator's IR.
const MAX_INSTRUCTIONS: usize = 1 << 17;
/// The most results of instructions and parameters of blocks.
const MAX_VALUES: usize = 1 << 18;
/// The most values that branches and calls pass.
const MAX_PASSED_VALUES: usize = 1 << 17;
/// The most parameters and results of a function, or of one it calls.
const MAX_SIGNATURE: usize = 1 << 7;
/// The most operands that are on the stack at once.
const MAX_STACK: usize = 1 << 11;

/// A piece of code to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// The function at this index among those the module defines.
    Defined(u32),
    /// The entry trampoline of this type.
    Entry(u32, Passing),
    /// The import trampoline of this type.
    Import(u32, Passing),
    /// The thunk of this imported function.
    Thunk(u32),
    /// The throwing trampoline.
    Throwing(Throwing),
}

/// Machine code of one function, and what is known about it. Offsets count from its start.
pub(crate) struct Code {
    pub(crate) bytes: Vec<u8>,
    pub(crate) relocations: Vec<Relocation>,
    /// Instructions that may trap, ascending.
    pub(crate) traps: Vec<(u32, TrapCode)>,
    /// From code offsets to offsets in the module, ascending.
    pub(crate) addresses: Vec<(u32, u32)>,
    /// Calls that exception handlers are around, ascending.
    pub(crate) calls: Vec<Call>,
    pub(crate) cpu_features: CpuFeatures,
}

/// A call that exception handlers are around. See [`precast_artifacts_format::CallSite`].
pub(crate) struct Call {
    /// Where it returns to.
    pub(crate) return_offset: u32,
    pub(crate) frame_bytes: u32,
    pub(crate) vmctx_offset: u32,
    /// Their places count from the start of the function, too.
    pub(crate) handlers: Vec<Handler>,
}

/// A place in the code that depends on where something else is.
pub(crate) struct Relocation {
    pub(crate) offset: u32,
    pub(crate) kind: Reloc,
    pub(crate) addend: i64,
    pub(crate) target: Reference,
}

/// A piece of code, and what is kept of it for the next compilation, if anything is.
pub(crate) struct Made<'a> {
    pub(crate) code: Code,
    pub(crate) kept: Option<Kept<'a>>,
}

/// The pieces of code the artifact consists of: the module's functions first, then throwing
/// trampolines if it throws, and thunks last, by index.
pub(crate) fn jobs(module: &Module<'_>, plan: &Plan) -> Vec<Job> {
    let defined = (0..module.bodies.len() as u32).map(Job::Defined);
    let with_passing = |ty: &u32| {
        let is_direct = module.types[*ty as usize].func.is_direct();
        let direct = is_direct.then_some((*ty, Passing::Direct));
        [Some((*ty, Passing::Slots)), direct].into_iter().flatten()
    };
    let entries = plan.entry_types.iter().flat_map(with_passing);
    let entries = entries.map(|(ty, passing)| Job::Entry(ty, passing));
    let imports = plan.import_types.iter().flat_map(with_passing);
    let imports = imports.map(|(ty, passing)| Job::Import(ty, passing));
    let thunks = plan.thunks.iter().copied().map(Job::Thunk);
    let throwing = Throwing::ALL.into_iter().filter(|_| plan.throws);
    defined
        .chain(throwing.map(Job::Throwing))
        .chain(entries)
        .chain(imports)
        .chain(thunks)
        .collect()
}

/// What all workers share.
pub(crate) struct Generator<'a> {
    env: &'a ModuleEnv<'a>,
    /// For functions that [are large](is_large).
    linear: &'a dyn TargetIsa,
    target: Target,
    allowed_features: CpuFeatures,
    recorder: Option<&'a Recorder>,
    /// Where functions of an earlier compilation are, if what is made is kept.
    shelf: Option<&'a Shelf<'a>>,
}

/// What one worker keeps between functions.
struct Worker {
    context: Context,
    trampoline: FunctionBuilderContext,
    scratch: Scratch,
}

impl Worker {
    fn new() -> Self {
        Self {
            context: Context::new(),
            trampoline: FunctionBuilderContext::new(),
            scratch: Scratch::default(),
        }
    }
}

/// A form in which code can be read by people.
///
/// ```
/// use precast_compiler::{Listing, Options, list};
///
/// # let wasm = wat::parse_str("(module (func))").unwrap();
/// let text = list(&wasm, &Options::default(), Listing::Assembly)?;
/// assert!(text.contains("ret"));
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Cranelift's IR as it comes from the translation, before any optimisation.
    Clif,
    /// The instructions of the finished machine code, before linking.
    Assembly,
}

impl<'a> Generator<'a> {
    /// `linear` is for functions that are too large for the environment's code generator.
    pub(crate) fn new(
        env: &'a ModuleEnv<'a>,
        linear: &'a dyn TargetIsa,
        options: &Options,
    ) -> Self {
        Self {
            env,
            linear,
            target: options.target,
            allowed_features: options.cpu_features,
            recorder: None,
            shelf: None,
        }
    }

    /// Has `recorder` write down how long each piece of code takes.
    pub(crate) fn timed_by(mut self, recorder: Option<&'a Recorder>) -> Self {
        self.recorder = recorder;
        self
    }

    /// Has functions taken from `shelf` where they are there, and says of all what is kept there.
    pub(crate) fn reusing(mut self, shelf: Option<&'a Shelf<'a>>) -> Self {
        self.shelf = shelf;
        self
    }

    /// Makes the code of all `jobs` on the threads of `pool` and hands it to `receive`, in order,
    /// on this one.
    pub(crate) fn run(
        &self,
        pool: &rayon::ThreadPool,
        jobs: &[Job],
        receive: impl FnMut(Made<'a>) -> Result<(), CompileError>,
    ) -> Result<(), CompileError> {
        let batches = jobs.chunks(BATCH);
        let taken = AtomicUsize::new(0);
        let (sender, made) = mpsc::channel();
        pool.in_place_scope(|scope| {
            for _ in 0..pool.current_num_threads().min(batches.len()) {
                let (sender, taken, batches) = (sender.clone(), &taken, batches.clone());
                scope.spawn(move |_| {
                    let mut worker = Worker::new();
                    loop {
                        let batch = taken.fetch_add(1, Ordering::Relaxed);
                        let Some(jobs) = batches.clone().nth(batch) else {
                            break;
                        };
                        let mut made = Vec::with_capacity(jobs.len());
                        for &job in jobs {
                            made.push(self.make_timed(job, &mut worker));
                            if made.last().is_some_and(Result::is_err) {
                                // The first error ends it all, and this worker's contexts are in
                                // the middle of something. Nobody may be listening any more.
                                let _heard = sender.send((batch, made));
                                return;
                            }
                        }
                        if sender.send((batch, made)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            in_order(made, receive)
        })
    }

    /// The text of one piece of code, made on this thread.
    pub(crate) fn list(&self, job: Job, listing: Listing) -> Result<String, CompileError> {
        let mut worker = Worker::new();
        self.caught(job, || {
            let extent = self.translate(job, &mut worker)?;
            if listing == Listing::Clif {
                return Ok(worker.context.func.display().to_string());
            }
            worker.context.set_disasm(true);
            self.compile(job, extent, &mut worker.context)
                .map_err(|message| self.internal_error(job, message))?;
            let compiled = worker.context.compiled_code();
            let text = compiled.and_then(|code| code.vcode.clone());
            Ok(text.unwrap_or_default())
        })
    }

    fn make_timed(&self, job: Job, worker: &mut Worker) -> Result<Made<'a>, CompileError> {
        match self.recorder {
            None => self.make(job, worker),
            Some(recorder) => recorder.time(job, || self.make(job, worker)),
        }
    }

    fn make(&self, job: Job, worker: &mut Worker) -> Result<Made<'a>, CompileError> {
        self.env.budget.check_time()?;
        self.caught(job, || {
            let _memory = self.env.budget.take_memory(self.body_bytes(job))?;
            match (self.shelf, job) {
                (Some(shelf), Job::Defined(defined)) => self.find_or_make(defined, shelf, worker),
                _ => {
                    let code = self.make_anew(job, worker)?;
                    Ok(Made { code, kept: None })
                }
            }
        })
    }

    /// Does what is to be done for `job`. A module must not be able to end the process, whatever
    /// bug it finds in the code generator. After an error the worker is not used again.
    fn caught<T>(
        &self,
        job: Job,
        what: impl FnOnce() -> Result<T, CompileError>,
    ) -> Result<T, CompileError> {
        let done = catch_unwind(AssertUnwindSafe(what));
        done.unwrap_or_else(|panic| {
            let message = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            Err(self.internal_error(job, message.unwrap_or("panic").to_owned()))
        })
    }

    fn find_or_make(
        &self,
        defined: u32,
        shelf: &Shelf<'a>,
        worker: &mut Worker,
    ) -> Result<Made<'a>, CompileError> {
        let subject = shelf.subject(defined);
        if let Some(subject) = &subject
            && let Some((code, kept)) = shelf.find(subject)
        {
            // That the same code was valid elsewhere says nothing about here.
            let body = &self.env.module.bodies[defined as usize];
            if translate::validate(self.env, body, &mut worker.scratch).is_ok() {
                let kept = Some(kept);
                return Ok(Made { code, kept });
            }
            // Where the error is the one that there is without all this.
        }
        let code = self.make_anew(Job::Defined(defined), worker)?;
        let kept = subject.and_then(|subject| shelf.keep(&subject, &code));
        Ok(Made { code, kept })
    }

    fn make_anew(&self, job: Job, worker: &mut Worker) -> Result<Code, CompileError> {
        let extent = self.translate(job, worker)?;
        self.compile(job, extent, &mut worker.context)
            .map_err(|message| self.internal_error(job, message))
    }

    fn body_bytes(&self, job: Job) -> usize {
        match job {
            Job::Defined(defined) => {
                let body = &self.env.module.bodies[defined as usize];
                body.body.as_bytes().len()
            }
            // As long as their types, which are bounded.
            _ => 0,
        }
    }

    fn translate(&self, job: Job, worker: &mut Worker) -> Result<Extent, CompileError> {
        worker.context.clear();
        let func = &mut worker.context.func;
        match job {
            Job::Defined(defined) => {
                let index = self.env.module.imported_funcs + defined;
                let body = &self.env.module.bodies[defined as usize];
                return translate::translate(self.env, index, body, &mut worker.scratch, func);
            }
            Job::Entry(ty, passing) => {
                trampoline::entry(self.env, ty, passing, &mut worker.trampoline, func);
            }
            Job::Import(ty, passing) => {
                trampoline::import(self.env, ty, passing, &mut worker.trampoline, func);
            }
            Job::Thunk(index) => trampoline::thunk(self.env, index, &mut worker.trampoline, func),
            Job::Throwing(throwing) => {
                trampoline::throwing(self.env, throwing, &mut worker.trampoline, func);
            }
        }
        Ok(Extent::default())
    }

    fn internal_error(&self, job: Job, message: String) -> CompileError {
        let func_index = match job {
            Job::Defined(defined) => self.env.module.imported_funcs + defined,
            Job::Entry(index, _) | Job::Import(index, _) | Job::Thunk(index) => index,
            Job::Throwing(throwing) => throwing as u32,
        };
        CompileError::Internal {
            func_index,
            message: format!("{job:?}: {message}"),
        }
    }

    fn compile(&self, job: Job, extent: Extent, context: &mut Context) -> Result<Code, String> {
        let mut control = ControlPlane::default();
        let isa = match is_large(&context.func, extent) {
            true => self.linear,
            false => self.env.isa,
        };
        context
            .compile(isa, &mut control)
            .map_err(|error| error.inner.to_string())?;
        let compiled = context.compiled_code().ok_or("no code was made")?;
        let buffer = &compiled.buffer;
        let mut traps = Vec::with_capacity(buffer.traps().len());
        for trap in buffer.traps() {
            let code = trap_code(trap.code).ok_or_else(|| format!("trap code {}", trap.code))?;
            traps.push((trap.offset, code));
        }
        traps.sort_by_key(|&(offset, _)| offset);
        traps.dedup_by_key(|&mut (offset, _)| offset);

        let mut addresses: Vec<(u32, u32)> = Vec::new();
        if let Job::Defined(defined) = job {
            let body = &self.env.module.bodies[defined as usize].body;
            addresses.push((0, body.range().start as u32));
        }
        for range in buffer.get_srclocs_sorted() {
            let known = addresses.last().map(|&(_, wasm_offset)| wasm_offset);
            if range.loc.is_default() || known == Some(range.loc.bits()) {
                continue;
            }
            match addresses.last_mut() {
                Some(last) if last.0 == range.start => last.1 = range.loc.bits(),
                _ => addresses.push((range.start, range.loc.bits())),
            }
        }
        let relocations = buffer
            .relocs()
            .iter()
            .map(|reloc| {
                Ok(Relocation {
                    offset: reloc.offset,
                    kind: reloc.kind,
                    addend: reloc.addend,
                    target: reference(&reloc.target, &context.func)?,
                })
            })
            .collect::<Result<_, String>>()?;
        let calls = match job {
            Job::Defined(_) => calls(buffer.call_sites())?,
            // Entry trampolines have handlers for traps.
            _ => Vec::new(),
        };
        let bytes = buffer.data().to_vec();
        Ok(Code {
            cpu_features: cpu_scan::used_features(
                &bytes,
                &compiled.bb_starts,
                self.target,
                self.allowed_features,
            ),
            bytes,
            relocations,
            traps,
            addresses,
            calls,
        })
    }
}

/// Whether the code generator's better passes would take too long for a function. Each measure is
/// of one that takes it about a second, if the function is made for that.
fn is_large(func: &Function, extent: Extent) -> bool {
    let targets = func.dfg.jump_tables.values();
    let targets: usize = targets.map(|table| table.all_branches().len()).sum();
    let mut signatures = std::iter::once(&func.signature).chain(func.dfg.signatures.values());
    signatures.any(|signature| signature.params.len() + signature.returns.len() > MAX_SIGNATURE)
        || func.dfg.num_blocks() + targets > MAX_BLOCKS
        || func.dfg.num_insts() > MAX_INSTRUCTIONS
        || func.dfg.len_values() > MAX_VALUES
        || extent.passed_values > MAX_PASSED_VALUES
        || extent.tallest_stack > MAX_STACK
}

/// The calls that have exception handlers.
fn calls<'a>(sites: impl Iterator<Item = FinalizedMachCallSite<'a>>) -> Result<Vec<Call>, String> {
    let mut calls = Vec::new();
    for site in sites.filter(|site| !site.exception_handlers.is_empty()) {
        let mut vmctx_offset = None;
        let mut handlers = Vec::with_capacity(site.exception_handlers.len());
        for handler in site.exception_handlers {
            match *handler {
                FinalizedMachExceptionHandler::Tag(tag, text_offset) => handlers.push(Handler {
                    catches: Catches::from_number(tag.as_u32()),
                    text_offset,
                }),
                FinalizedMachExceptionHandler::Context(ExceptionContextLoc::SPOffset(offset)) => {
                    vmctx_offset = Some(offset);
                }
                _ => return Err(format!("an exception handler of the kind {handler:?}")),
            }
        }
        let (Some(frame_bytes), Some(vmctx_offset)) = (site.frame_offset, vmctx_offset) else {
            return Err("a call with exception handlers in a frame of unknown size".to_owned());
        };
        calls.push(Call {
            return_offset: site.ret_addr,
            frame_bytes,
            vmctx_offset,
            handlers,
        });
    }
    calls.sort_by_key(|call| call.return_offset);
    Ok(calls)
}

/// What became of the jobs of one batch, with the batch's number.
type Batch<'a> = (usize, Vec<Result<Made<'a>, CompileError>>);

/// Hands what workers made to `receive` in the order of the jobs; stops at the first error.
fn in_order<'a>(
    made: mpsc::Receiver<Batch<'a>>,
    mut receive: impl FnMut(Made<'a>) -> Result<(), CompileError>,
) -> Result<(), CompileError> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for (number, batch) in made {
        waiting.insert(number, batch);
        while let Some(batch) = waiting.remove(&next) {
            for made in batch {
                receive(made?)?;
            }
            next += 1;
        }
    }
    Ok(())
}

fn reference(target: &FinalizedRelocTarget, func: &Function) -> Result<Reference, String> {
    let FinalizedRelocTarget::ExternalName(name) = target else {
        return Err(format!("a relocation against {target:?}"));
    };
    let known = match name {
        ExternalName::User(name) => Reference::from_name(&func.params.user_named_funcs()[*name]),
        ExternalName::LibCall(libcall) => libcall_symbol(*libcall).map(Reference::Runtime),
        _ => None,
    };
    known.ok_or_else(|| format!("a relocation against {name:?}"))
}

/// The runtime symbol for what the code generator calls where the CPU has no instruction.
fn libcall_symbol(libcall: LibCall) -> Option<RuntimeSymbol> {
    Some(match libcall {
        LibCall::CeilF32 => RuntimeSymbol::CeilF32,
        LibCall::CeilF64 => RuntimeSymbol::CeilF64,
        LibCall::FloorF32 => RuntimeSymbol::FloorF32,
        LibCall::FloorF64 => RuntimeSymbol::FloorF64,
        LibCall::TruncF32 => RuntimeSymbol::TruncF32,
        LibCall::TruncF64 => RuntimeSymbol::TruncF64,
        LibCall::NearestF32 => RuntimeSymbol::NearestF32,
        LibCall::NearestF64 => RuntimeSymbol::NearestF64,
        LibCall::X86Pshufb => RuntimeSymbol::X86Pshufb,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Budget;
    use crate::module::Module;
    use crate::plan::Plan;
    use crate::{isa, parse, scan};

    #[test]
    fn a_panic_of_the_code_generator_is_an_error_of_the_function() {
        let wasm = wat::parse_str("(module (func) (func))").unwrap();
        let options = Options::default();
        let isas = isa::build(&options).unwrap();
        let budget = Budget::start(&options.limits);
        let mut module: Module<'_> = parse::parse(&wasm, &options, &budget).unwrap();
        let plan = Plan::new(&module, &scan::scan(&module), options.target).unwrap();
        // As if a bug had lost it.
        module.bodies.pop();
        let env = ModuleEnv::new(&module, &plan, &*isas.usual, &options, &budget);
        let generator = Generator::new(&env, &*isas.linear, &options);
        let check = |error: CompileError| {
            let CompileError::Internal {
                func_index,
                message,
            } = error
            else {
                panic!("{error}");
            };
            assert_eq!(func_index, 1);
            assert!(message.contains("index out of bounds"), "{message}");
        };
        for listing in [Listing::Clif, Listing::Assembly] {
            assert!(generator.list(Job::Defined(0), listing).is_ok());
            check(generator.list(Job::Defined(1), listing).unwrap_err());
        }
        let made = generator.make(Job::Defined(1), &mut Worker::new());
        check(made.err().unwrap());
    }
}
