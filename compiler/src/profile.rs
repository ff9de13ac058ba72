//! How long each function of a compilation takes, if somebody asks.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::emit;
use crate::error::CompileError;
use crate::generate::{Job, Made};
use crate::module::Module;

/// How long a function or a trampoline took, from its validation to its machine code.
///
/// ```
/// use precast_compiler::FunctionTime;
///
/// fn nanoseconds_per_byte(function: &FunctionTime) -> Option<u128> {
///     function.time.as_nanos().checked_div(function.wasm_bytes.into())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionTime {
    /// Its name, as the symbols of the artifact have it: it may hold anything but NUL.
    pub name: String,
    /// Its index in the module; `None` for a trampoline.
    pub func_index: Option<u32>,
    /// The length of its body in the module, in bytes; 0 for a trampoline.
    pub wasm_bytes: u32,
    /// The length of its machine code in bytes.
    pub code_bytes: u32,
    /// The thread that made it, by number.
    pub thread: usize,
    /// When it was begun, since the first stage was.
    pub start: Duration,
    /// How long it took, by the clock on the wall.
    pub time: Duration,
}

/// Writes down what was made when.
pub(crate) struct Recorder {
    start: Instant,
    made: Mutex<Vec<Timed>>,
}

struct Timed {
    job: Job,
    code_bytes: u32,
    thread: usize,
    start: Duration,
    time: Duration,
}

impl Recorder {
    /// The first stage starts now.
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
            made: Mutex::default(),
        }
    }

    /// Makes the code of `job` by `make`, on a thread of the compilation's pool.
    pub(crate) fn time<'k>(
        &self,
        job: Job,
        make: impl FnOnce() -> Result<Made<'k>, CompileError>,
    ) -> Result<Made<'k>, CompileError> {
        let start = self.start.elapsed();
        let made = make()?;
        let time = self.start.elapsed() - start;
        let timed = Timed {
            job,
            code_bytes: made.code.bytes.len() as u32,
            thread: rayon::current_thread_index().unwrap_or_default(),
            start,
            time,
        };
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(timed);
        Ok(made)
    }

    /// All that was made of `module`.
    pub(crate) fn functions(&self, module: &Module<'_>) -> Vec<FunctionTime> {
        let names = emit::func_names(module);
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let mut functions: Vec<_> = made
            .iter()
            .map(|made| {
                let (func_index, wasm_bytes) = match made.job {
                    Job::Defined(defined) => {
                        let range = module.bodies[defined as usize].body.range();
                        let len = (range.end - range.start) as u32;
                        (Some(module.imported_funcs + defined), len)
                    }
                    _ => (None, 0),
                };
                FunctionTime {
                    name: emit::symbol_name(module, &names, made.job),
                    func_index,
                    wasm_bytes,
                    code_bytes: made.code_bytes,
                    thread: made.thread,
                    start: made.start,
                    time: made.time,
                }
            })
            .collect();
        functions.sort_by_key(|function| function.start);
        functions
    }
}

#[cfg(test)]
mod tests {
    use crate::{Compilation, Options, Output};

    #[test]
    fn every_piece_of_code_has_its_time_and_is_the_same() {
        let wasm = wat::parse_str(
            r#"(module (import "e" "f" (func (param i32)))
                (func $a (export "a") (call 0 (i32.const 1))) (func $b))"#,
        );
        let (wasm, options) = (wasm.unwrap(), Options::default());
        for output in [Output::Artifact, Output::Object] {
            let compilation = Compilation::new(&wasm, &options).output(output);
            let expected = compilation.run().unwrap();
            assert_eq!(expected.function_times, []);
            let compiled = compilation.time_functions().run().unwrap();
            assert_eq!(compiled.bytes, expected.bytes);
            let functions = compiled.function_times.iter();
            let mut found: Vec<_> = functions
                .map(|it| (it.func_index, it.name.as_str(), it.wasm_bytes))
                .collect();
            found.sort();
            let expected = [
                (None, "precast.entry.1", 0),
                (None, "precast.entry.1.direct", 0),
                (None, "precast.import.0", 0),
                (None, "precast.import.0.direct", 0),
                (Some(1), "a", 6),
                (Some(2), "b", 2),
            ];
            assert_eq!(found, expected);
            let mut functions = compiled.function_times.iter();
            assert!(functions.clone().is_sorted_by_key(|it| it.start));
            assert!(functions.all(|it| it.code_bytes > 0));
        }
    }
}
