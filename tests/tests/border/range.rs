//! Each access is where arithmetic says that it is, or faults there.
//!
//! Random functions access a memory several times, at indices that random expressions make of their
//! parameters and at any offsets, so that the code generator has much to fold into addresses and to
//! share between them. Each is called with parameters near all edges. What must come of it is computed in
//! numbers of 128 bits. The memory lies amid 16 GiB of inaccessible address space on each side, and where
//! a fault has been is compared with where the access should have been, byte by byte: a trap for the
//! wrong reason is found too.
//!
//! What this shows, and what not: for the functions that were made, no access in those calls reached
//! anything but its own bytes. It is no proof for others. What lies further away than 16 GiB would be
//! seen by a crash, or by contents that are not what they should be, but does not have to be.
//!
//! `PRECAST_RANGE_MODULES=N` tries so many modules for each configuration, of 12 functions and 40 calls each.

use std::fmt::Write as _;
use std::sync::Arc;

use precast_compiler::{CpuLevel, OptLevel};
use precast_loader::{Config, Engine, Instance, Store, TrapCode, Tunables};
use precast_tests::{Compiled, load, numbers, trap_code, wasm};

use super::access::{ACCESSES, Access, Effect, PLAIN};
use super::faults::{Secluded, note_faults, take_fault};
use super::index::{Narrow, Numbers, Params, extreme};
use super::proof::{Proof, prove};
use super::setup::{CHECKED, GUARDED, guard};

const FUNCTIONS: usize = 12;
const CALLS: usize = 40;
const MOST_ACCESSES: usize = 5;
const MEMORY_BYTES: usize = 65_536;

/// One access of a function.
struct Step {
    access: &'static Access,
    index: Narrow,
    offset: u32,
}

/// What a function does: its accesses, one after the other, each with the sum of all results before
/// it as its value.
struct Function(Vec<Step>);

impl Function {
    fn random(number: &mut Numbers) -> Self {
        let depth = number(4);
        let shared = Narrow::random(number, depth);
        let mut steps = Vec::new();
        for _ in 0..=number(MOST_ACCESSES) {
            let of_shared = |operator, constant| {
                let constant = Box::new(Narrow::Const(constant));
                Narrow::Binary(operator, Box::new(shared.clone()), constant)
            };
            let edge = extreme(number) as u32;
            // Near one another, so that one address may be made from the other.
            let (index, offset) = match number(8) {
                // Always inside, so that those behind it are reached.
                0..=2 => (of_shared("and", 0x7ff8), 8 * number(4000) as u32),
                3 => (shared.clone(), number(100) as u32),
                4 => (of_shared("add", edge), number(100) as u32),
                5 => (of_shared("add", edge), extreme(number) as u32),
                6 => (shared.clone(), edge),
                _ => {
                    let depth = number(3);
                    (Narrow::random(number, depth), edge)
                }
            };
            let kinds = [PLAIN.len(), PLAIN.len(), ACCESSES.len()][number(3)];
            steps.push(Step {
                access: &ACCESSES[number(kinds)],
                index,
                offset,
            });
        }
        Self(steps)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for step in &self.0 {
            let index = step.index.text();
            let offset = step.offset.into();
            let instructions = step
                .access
                .instructions(0, offset, &index, "(local.get $sum)");
            write!(
                text,
                "{instructions} (i64.xor) (local.set $last)
                 (local.set $sum
                   (i64.add (i64.rotl (local.get $sum) (i64.const 7)) (local.get $last)))\n"
            )
            .unwrap();
        }
        format!(
            "(param i32 i32 i64 i64) (result i64) (local $v v128) (local $sum i64) (local $last i64)
             {text} (local.get $sum)"
        )
    }

    /// Where each access is, with these parameters.
    fn starts(&self, params: &Params) -> impl Iterator<Item = u128> {
        let starts = self
            .0
            .iter()
            .map(|step| u128::from(step.index.value(params)) + u128::from(step.offset));
        starts.collect::<Vec<_>>().into_iter()
    }

    /// What is given, and what is done to the memory; or why it traps, and which access it is.
    fn run(&self, bytes: &mut [u8], params: &Params) -> Result<u64, (TrapCode, usize)> {
        let mut sum = 0u64;
        for (number, (step, start)) in self.0.iter().zip(self.starts(params)).enumerate() {
            let result = step.access.run(bytes, start, sum);
            let result = result.map_err(|code| (code, number))?;
            sum = sum
                .rotate_left(7)
                .wrapping_add((result >> 64) as u64 ^ result as u64);
        }
        Ok(sum)
    }

    /// Parameters with which one of the accesses is near an edge, if one of the parameters reaches
    /// that far.
    fn params(&self, number: &mut Numbers, room: u128) -> Params {
        let mut params = Params::random(number);
        let which = number(self.0.len());
        let size = self.0[which].access.size;
        let edges = [0, MEMORY_BYTES as u128, 1 << 31, 1 << 32, 1 << 33, room];
        let edge = edges[number(edges.len())];
        for _ in 0..2 {
            let start = self.starts(&params).nth(which).unwrap();
            // Right where the index is a sum with the parameter in it, as it is often.
            let by = edge
                .wrapping_sub(start)
                .wrapping_sub(number(2 * size as usize + 2) as u128);
            let by = by.wrapping_add(u128::from(size) / 2 * number(2) as u128);
            let param = number(4);
            match param {
                0 | 1 => params.narrow[param] = params.narrow[param].wrapping_add(by as u32),
                _ => params.wide[param - 2] = params.wide[param - 2].wrapping_add(by as u64),
            }
        }
        params
    }
}

/// What has been tried, so that a test that tries nothing of a kind fails.
#[derive(Debug, Default)]
struct Counts {
    calls: u64,
    accesses: u64,
    inside: u64,
    faults: u64,
    checks: u64,
    unaligned: u64,
    proof: Proof,
}

fn modules() -> usize {
    let wanted = std::env::var("PRECAST_RANGE_MODULES");
    wanted.map_or(2, |wanted| wanted.parse().expect("a number of modules"))
}

fn check(tunables: Tunables, opt_level: OptLevel, cpu: CpuLevel, seed: u64) -> Counts {
    let mut number: Numbers = Box::new(numbers(seed));
    let mut counts = Counts::default();
    let checked = tunables.memory_checked;
    let room = (1 << 32) + i128::from(tunables.memory_guard_bytes);
    let mut config = Config::new();
    config.memory_allocator(Arc::new(Secluded));
    let engine = Engine::new(&config);
    let mut options = precast_tests::options();
    (options.tunables, options.opt_level) = (tunables, opt_level);
    options.cpu_level(cpu).expect("of this machine's kind");
    for _ in 0..modules() {
        let functions: Vec<_> = (0..FUNCTIONS)
            .map(|_| Function::random(&mut number))
            .collect();
        let mut wat = format!(
            "(module (memory (export \"memory\") {} 2)\n",
            MEMORY_BYTES >> 16
        );
        for (name, function) in functions.iter().enumerate() {
            writeln!(wat, "(func (export \"{name}\") {})", function.text()).unwrap();
        }
        wat.push(')');
        let compiled = Compiled::new(&wasm(&wat), &options);
        let compiled = compiled.unwrap_or_else(|error| panic!("{error}: {wat}"));
        let module = load(&engine, &compiled).unwrap();
        if !checked {
            counts.proof.add(prove(compiled.bytes()));
        }
        note_faults();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let memory = instance.memory(&mut store, "memory").unwrap();
        let mut copy: Vec<u8> = (0..MEMORY_BYTES).map(|_| number(256) as u8).collect();
        memory.write(&mut store, 0, &copy).unwrap();
        for (name, function) in functions.iter().enumerate() {
            let name = name.to_string();
            let func = instance.typed_func::<(u32, u32, u64, u64), u64>(&mut store, &name);
            let func = func.unwrap();
            for _ in 0..CALLS {
                let params = function.params(&mut number, room.cast_unsigned());
                let Params {
                    narrow: [a, b],
                    wide: [c, d],
                } = params;
                take_fault();
                let found = func.call(&mut store, (a, b, c, d));
                let fault = take_fault();
                let found = found.map_err(|error| trap_code(&error));
                let expected = function.run(&mut copy, &params);
                let what = || {
                    format!(
                        "{opt_level:?} {tunables:?} {params:x?}: {}",
                        function.text()
                    )
                };
                counts.calls += 1;
                match expected {
                    Ok(expected) => {
                        counts.inside += function.0.len() as u64;
                        counts.accesses += function.0.len() as u64;
                        assert_eq!(found, Ok(expected), "{}", what());
                        assert_eq!(fault, None, "{}", what());
                    }
                    Err((code, step)) => {
                        counts.inside += step as u64;
                        counts.accesses += step as u64 + 1;
                        assert_eq!(found, Err(Some(code)), "access {step}: {}", what());
                        let start = function.starts(&params).nth(step).unwrap().cast_signed();
                        let size = i128::from(function.0[step].access.size);
                        if let Some(at) = fault {
                            counts.faults += 1;
                            let range = start..start + size;
                            let is_there = range.contains(&at);
                            assert!(is_there, "{at:#x} is not in {range:x?}: {}", what());
                            // What is left to faults, all of it, ends with the guard.
                            assert!(start + size <= room && !checked, "{range:x?}: {}", what());
                        } else if code == TrapCode::UnalignedAtomic {
                            counts.unaligned += 1;
                        } else {
                            counts.checks += 1;
                        }
                    }
                }
                let writes = function
                    .0
                    .iter()
                    .any(|step| !matches!(step.access.effect, Effect::Load(_)));
                if writes {
                    let bytes = memory.read_vec(&store, 0, MEMORY_BYTES as u64).unwrap();
                    assert!(bytes == copy, "contents: {}", what());
                }
            }
        }
    }
    counts
}

#[test]
fn accesses_at_folded_indices_are_where_arithmetic_says() {
    let levels = [
        OptLevel::None,
        OptLevel::Basic,
        OptLevel::Speed,
        OptLevel::SpeedAndSize,
    ];
    let all = [
        GUARDED,
        guard(0),
        guard(65_536),
        guard(3 << 30),
        guard(6 << 30),
        CHECKED,
    ];
    let cpus = [CpuLevel::X86_64(2), CpuLevel::X86_64(3)];
    let mut seed = 0;
    let (mut accesses, mut calls) = (0, 0);
    for tunables in all {
        for opt_level in levels {
            seed += 1;
            let cpu = cpus[seed as usize % cpus.len()];
            let counts = check(tunables, opt_level, cpu, seed);
            (accesses, calls) = (accesses + counts.accesses, calls + counts.calls);
            println!(
                "guard {:#x}, {opt_level:?}: {counts:?}",
                tunables.memory_guard_bytes
            );
            let guarded = !tunables.memory_checked && tunables.memory_guard_bytes > 0;
            assert_eq!(counts.faults > 0, guarded, "{counts:?}");
            assert!(counts.proof.proved > 0 || !guarded, "{counts:?}");
            assert_eq!(counts.proof.unknown_memory, 0, "{counts:?}");
            assert!(
                counts.inside > 0 && counts.checks > 0 && counts.unaligned > 0,
                "{counts:?}"
            );
        }
    }
    println!("{accesses} accesses in {calls} calls");
}
