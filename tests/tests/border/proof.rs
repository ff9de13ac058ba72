//! A proof that machine code accesses no memory of a guest's but its own address space.
//!
//! Each function is interpreted with values of which only a range is known ([`Value`]): numbers from one to
//! another, addresses so far from a memory's base. Every instruction that accesses anything is looked at:
//!
//! - what is at an address in a memory has to lie, all of it, between the base and the end of the guard;
//! - what is in the vmctx has to lie in there;
//! - where nothing is known about the address, the access is counted as unknown.
//!
//! Instructions that nothing is known of leave nothing known of what they write, and wherever ways meet both
//! are possible, so that what is proved holds for all inputs.
//!
//! What is taken for granted: that the decoder is right; that calls come back with the registers that they
//! must preserve, which is checked of the functions themselves; that the loader has put addresses of bases where
//! the layout says, and reserved what it should; that nobody else writes to the frame. Accesses that
//! a comparison precedes are counted apart: whether it is the right one, this does not see. Nor does it look at code
//! that only handlers of exceptions reach.

mod state;
mod value;

use std::collections::{BTreeMap, HashMap};

use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic,
    OpAccess, OpKind, Register,
};
use precast_artifacts_format::abi::VmctxLayout;
use precast_artifacts_format::{Artifact, Section, TrapCode};

use state::State;
use value::Value;
use value::Value::{Any, Definition, Entry, Frame, Memory, Number, Other, Vmctx};

/// How often a place is looked at before ranges that still grow are given up.
const PATIENCE: u32 = 4;

const RDI: usize = 7;
const RSP: usize = 4;
const RBP: usize = 5;
/// What calls preserve: rbx, rbp, r12 to r15.
const PRESERVED: [usize; 6] = [3, RBP, 12, 13, 14, 15];

/// What was found, in instructions that access something.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Proof {
    pub(crate) functions: u64,
    /// In a memory, and proved.
    pub(crate) proved: u64,
    /// In a memory, at an address that is not proved but was compared, or would be null.
    pub(crate) compared: u64,
    /// In frame, vmctx, tables, constants.
    pub(crate) elsewhere: u64,
    /// Of unknown address, where the trap table says that it may be out of bounds of a memory.
    pub(crate) unknown_memory: u64,
    /// Of unknown address, else.
    pub(crate) unknown: u64,
}

impl Proof {
    pub(crate) fn add(&mut self, other: Self) {
        self.functions += other.functions;
        self.proved += other.proved;
        self.compared += other.compared;
        self.elsewhere += other.elsewhere;
        self.unknown_memory += other.unknown_memory;
        self.unknown += other.unknown;
    }
}

/// Looks at all functions of an artifact for x86-64 whose memories all have 32-bit addresses.
///
/// # Panics
///
/// If a function accesses what it must not, or does not restore what it must.
pub(crate) fn prove(artifact: &[u8]) -> Proof {
    let artifact = Artifact::parse(artifact).expect("just compiled");
    let manifest = artifact.manifest();
    let layout = manifest.vmctx_layout().expect("just compiled");
    let guard = artifact.note().tunables.memory_guard_bytes;
    let text = artifact.section(Section::Text);
    let funcs = artifact.funcs();
    let mut proof = Proof::default();
    for index in 0..funcs.len() as u32 {
        let start = funcs.get(index).expect("in range").text_offset;
        let end = funcs.end_of(index).expect("in range");
        let code = &text[start as usize..end as usize];
        let mut function = Function::new(code, start.into(), layout, guard);
        function.interpret();
        proof.functions += 1;
        function.count(&artifact, &mut proof);
    }
    proof
}

struct Function<'a> {
    code: &'a [u8],
    start: u64,
    layout: VmctxLayout,
    room: i128,
    /// All that can be reached.
    instructions: HashMap<u64, Instruction>,
    /// Where ways meet, with what is known there, and how often that has changed.
    states: HashMap<u64, Option<(State, u32)>>,
    /// Where the jumps through tables go, by where their tables are.
    tables: HashMap<u64, Vec<u64>>,
    work: Vec<u64>,
    info: InstructionInfoFactory,
}

impl<'a> Function<'a> {
    fn new(code: &'a [u8], start: u64, layout: VmctxLayout, guard_bytes: u64) -> Self {
        let mut function = Self {
            code,
            start,
            layout,
            room: (1 << 32) + i128::from(guard_bytes),
            instructions: HashMap::new(),
            states: HashMap::new(),
            tables: HashMap::new(),
            work: Vec::new(),
            info: InstructionInfoFactory::new(),
        };
        function.decode();
        function
    }

    /// Finds all instructions, and the places that are jumped to.
    fn decode(&mut self) {
        let mut starts = vec![self.start];
        while let Some(mut ip) = starts.pop() {
            self.states.insert(ip, None);
            while !self.instructions.contains_key(&ip) {
                let code = &self.code[(ip - self.start) as usize..];
                let mut decoder = Decoder::with_ip(64, code, ip, DecoderOptions::NONE);
                let instruction = decoder.decode();
                assert!(!instruction.is_invalid(), "{ip:#x} is no instruction");
                self.instructions.insert(ip, instruction);
                ip = instruction.next_ip();
                let flow = instruction.flow_control();
                if flow == FlowControl::IndirectBranch {
                    let targets = self.table(ip);
                    starts.extend(&targets);
                    self.tables.insert(ip, targets);
                }
                let target = instruction.near_branch_target();
                let is_branch = matches!(
                    flow,
                    FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch
                );
                if is_branch && self.contains(target) {
                    starts.push(target);
                }
                let goes_on = matches!(
                    flow,
                    FlowControl::Next
                        | FlowControl::Call
                        | FlowControl::IndirectCall
                        | FlowControl::ConditionalBranch
                );
                if !goes_on {
                    break;
                }
            }
        }
    }

    /// Where the jump before `table` goes, if what is there is a table: its entries up to the first
    /// place that one of them leads to.
    fn table(&self, table: u64) -> Vec<u64> {
        let takes_address = |instruction: &Instruction| {
            instruction.code() == Code::Lea_r64_m
                && instruction.is_ip_rel_memory_operand()
                && instruction.ip_rel_memory_address() == table
        };
        if !self.instructions.values().any(takes_address) {
            return Vec::new();
        }
        let mut targets = Vec::new();
        let mut end = self.start + self.code.len() as u64;
        let mut at = table;
        while at + 4 <= end {
            let place = (at - self.start) as usize;
            let entry = self.code[place..].first_chunk().expect("four bytes");
            let target = table.wrapping_add_signed(i32::from_le_bytes(*entry).into());
            if !self.contains(target) {
                break;
            }
            if target > table {
                end = end.min(target);
            }
            targets.push(target);
            at += 4;
        }
        targets
    }

    fn contains(&self, ip: u64) -> bool {
        (self.start..self.start + self.code.len() as u64).contains(&ip)
    }

    fn reach(&mut self, ip: u64, state: &State) {
        let known = self.states.get_mut(&ip).expect("found before");
        if let Some((known, changes)) = known {
            let joined = known.join(state, *changes > PATIENCE);
            if joined == *known {
                return;
            }
            *known = joined;
            *changes += 1;
        } else {
            *known = Some((state.clone(), 0));
        }
        self.work.push(ip);
    }

    fn interpret(&mut self) {
        let mut registers = std::array::from_fn(Entry);
        registers[RDI] = Vmctx(0);
        registers[RSP] = Frame(0);
        let entry = State {
            registers,
            slots: BTreeMap::new(),
            given_away: None,
            after_call: false,
        };
        self.reach(self.start, &entry);
        while let Some(ip) = self.work.pop() {
            for (target, state) in self.follow(ip, &mut |_, _| ()) {
                self.reach(target, &state);
            }
        }
    }

    /// Interprets from `ip`, where ways meet, to where they meet again or end. Gives where that is,
    /// and what is known there; shows each instruction to `visit` with what is known before it.
    fn follow(
        &mut self,
        mut ip: u64,
        visit: &mut dyn FnMut(&Instruction, &State),
    ) -> Vec<(u64, State)> {
        let (mut state, _) = self.states[&ip].clone().expect("was reached");
        let mut ways = Vec::new();
        loop {
            let instruction = self.instructions[&ip];
            visit(&instruction, &state);
            self.step(&instruction, &mut state);
            ip = instruction.next_ip();
            match instruction.flow_control() {
                FlowControl::Next => {}
                FlowControl::Call | FlowControl::IndirectCall => state.call(),
                FlowControl::ConditionalBranch => {
                    ways.push((instruction.near_branch_target(), state.clone()));
                }
                FlowControl::UnconditionalBranch
                    if self.contains(instruction.near_branch_target()) =>
                {
                    ways.push((instruction.near_branch_target(), state));
                    return ways;
                }
                FlowControl::IndirectBranch if !self.tables[&ip].is_empty() => {
                    let targets = self.tables[&ip].iter();
                    ways.extend(targets.map(|&target| (target, state.clone())));
                    return ways;
                }
                FlowControl::Return
                | FlowControl::UnconditionalBranch
                | FlowControl::IndirectBranch => {
                    // The caller's registers are as they were.
                    for number in PRESERVED {
                        let value = state.registers[number];
                        assert_eq!(value, Entry(number), "{ip:#x}: a register is not restored");
                    }
                    return ways;
                }
                FlowControl::Exception | FlowControl::Interrupt => return ways,
                FlowControl::XbeginXabortXend => panic!("{ip:#x}: a transaction"),
            }
            if self.states.contains_key(&ip) {
                ways.push((ip, state));
                return ways;
            }
        }
    }

    fn step(&mut self, instruction: &Instruction, state: &mut State) {
        use Mnemonic as M;
        let after_call = std::mem::take(&mut state.after_call);
        let [first, second] = [instruction.op0_register(), instruction.op1_register()];
        let bytes = instruction.memory_size().size();
        let writes_register = instruction.op0_kind() == OpKind::Register && first.is_gpr();
        let is_whole = first.is_gpr64() || first.is_gpr32();
        let operand = |state: &State| match instruction.op1_kind() {
            OpKind::Register => state.register(second),
            OpKind::Memory => state.load(state.address(instruction), bytes, &self.layout),
            _ => Value::constant(instruction.immediate(1)),
        };
        let old = state.register(first);
        match instruction.mnemonic() {
            M::Push => {
                let below = state.registers[RSP].sub(Value::constant(8));
                state.registers[RSP] = below;
                state.store(below, 8, state.register(first));
            }
            M::Pop => {
                let value = state.load(state.registers[RSP], 8, &self.layout);
                state.registers[RSP] = state.registers[RSP].add(Value::constant(8));
                state.set(first, value);
            }
            M::Mov if writes_register && is_whole => state.set(first, operand(state)),
            M::Mov if instruction.op0_kind() == OpKind::Memory => {
                let value = match instruction.op1_kind() {
                    OpKind::Register => state.register(second),
                    _ => Any,
                };
                state.store(state.address(instruction), bytes, value);
            }
            M::Movzx if is_whole => {
                let bits = match instruction.op1_kind() {
                    OpKind::Memory => 8 * bytes,
                    _ => 8 * second.size(),
                };
                state.set(first, Value::bits(bits as u32));
            }
            M::Lea if is_whole => {
                let address = state.address(instruction);
                if let Frame(at) = address {
                    let lowest = state.given_away.map_or(at, |lowest| lowest.min(at));
                    state.given_away = Some(lowest);
                }
                state.set(first, address);
            }
            // The callee has taken its arguments from the stack, which is undone right after the call.
            M::Sub if after_call && first == Register::RSP => {}
            M::Xor if writes_register && first == second && is_whole => {
                state.set(first, Value::constant(0));
            }
            M::Add if writes_register && is_whole => state.set(first, old.add(operand(state))),
            M::Sub if writes_register && is_whole => state.set(first, old.sub(operand(state))),
            M::And if writes_register && is_whole => state.set(first, old.and(operand(state))),
            M::Or if writes_register && is_whole => state.set(first, old.or(operand(state))),
            M::Shl if writes_register && is_whole => state.set(first, old.shl(operand(state))),
            M::Shr if writes_register && is_whole => state.set(first, old.shr(operand(state))),
            _ if is_whole && is_conditional_move(instruction) => {
                let value = old.join(operand(state), false);
                state.set(first, value);
            }
            _ => self.forget(instruction, state),
        }
    }

    /// Nothing is known of what the instruction writes.
    fn forget(&mut self, instruction: &Instruction, state: &mut State) {
        let first = instruction.op0_register();
        let info = self.info.info(instruction);
        let writes = |access: OpAccess| {
            use OpAccess::{CondWrite, ReadCondWrite, ReadWrite, Write};
            matches!(access, CondWrite | ReadCondWrite | ReadWrite | Write)
        };
        for used in info
            .used_registers()
            .iter()
            .filter(|used| writes(used.access()))
        {
            let register = used.register();
            if register.is_gpr() && register.full_register() != Register::RSP {
                let value =
                    match first.is_gpr32() && first.full_register() == register.full_register() {
                        true => Any.lower_half(),
                        false => Any,
                    };
                state.registers[register.full_register().number()] = value;
            }
        }
        let size = instruction.memory_size().size();
        let to_memory = info
            .used_memory()
            .iter()
            .any(|memory| writes(memory.access()));
        if to_memory && instruction.op0_kind() == OpKind::Memory {
            state.store(state.address(instruction), size, Any);
        }
    }

    /// Sorts all accesses, now that all that can be known is.
    fn count(&mut self, artifact: &Artifact<'_>, proof: &mut Proof) {
        let reached = self.states.iter().filter(|(_, state)| state.is_some());
        let reached: Vec<u64> = reached.map(|(&ip, _)| ip).collect();
        let (room, vmctx_bytes) = (self.room, self.layout.size().into());
        for ip in reached {
            self.follow(ip, &mut |instruction, state| {
                sort(instruction, state, artifact, room, vmctx_bytes, proof);
            });
        }
    }
}

/// Counts the instruction's access, if it has one.
fn sort(
    instruction: &Instruction,
    state: &State,
    artifact: &Artifact<'_>,
    room: i128,
    vmctx_bytes: i128,
    proof: &mut Proof,
) {
    let has_operand =
        (0..instruction.op_count()).any(|operand| instruction.op_kind(operand) == OpKind::Memory);
    let is_access = !matches!(instruction.mnemonic(), Mnemonic::Lea | Mnemonic::Nop);
    if !has_operand || !is_access {
        return;
    }
    let (ip, code) = (instruction.ip(), instruction.code());
    let size = instruction.memory_size().size() as i128;
    assert_ne!(size, 0, "{ip:#x} {code:?}: of unknown size");
    let trap = artifact.traps().lookup(ip as u32);
    let may_be_outside = trap == Some(TrapCode::MemoryOutOfBounds);
    match state.address(instruction) {
        Memory(from, to) if from >= 0 && to + size <= room => proof.proved += 1,
        Memory(from, _) => {
            assert!(from >= 0, "{ip:#x} {code:?}: {from} from a base");
            proof.compared += 1;
        }
        Vmctx(at) => {
            let at = i128::from(at);
            let is_inside = at >= 0 && at + size <= vmctx_bytes;
            assert!(is_inside, "{ip:#x} {code:?}: {at} in the vmctx");
            proof.elsewhere += 1;
        }
        Frame(_) | Definition | Other => {
            assert!(!may_be_outside, "{ip:#x} {code:?}: in no memory");
            proof.elsewhere += 1;
        }
        Any | Number(..) | Entry(_) if may_be_outside => proof.unknown_memory += 1,
        Any | Number(..) | Entry(_) => proof.unknown += 1,
    }
}

fn is_conditional_move(instruction: &Instruction) -> bool {
    use Mnemonic as M;
    matches!(
        instruction.mnemonic(),
        M::Cmova
            | M::Cmovae
            | M::Cmovb
            | M::Cmovbe
            | M::Cmove
            | M::Cmovg
            | M::Cmovge
            | M::Cmovl
            | M::Cmovle
            | M::Cmovne
            | M::Cmovno
            | M::Cmovnp
            | M::Cmovns
            | M::Cmovo
            | M::Cmovp
            | M::Cmovs
    )
}

#[test]
fn every_access_of_programs_is_proved_to_stay_within_the_guard() {
    use precast_compiler::{CpuLevel, OptLevel, Options, compile};
    let repository = precast_tests::repository();
    let folders = ["examples", "tests/data"].map(|folder| repository.join(folder));
    let programs = folders
        .iter()
        .flat_map(|folder| precast_tests::files_below(folder, "wasm"));
    let programs: Vec<_> = programs.collect();
    for opt_level in [OptLevel::None, OptLevel::Speed] {
        let mut all = Proof::default();
        for program in &programs {
            let wasm = std::fs::read(program).expect("a module");
            let mut options = Options {
                opt_level,
                ..precast_tests::options()
            };
            options.cpu_level(CpuLevel::X86_64(3)).expect("x86-64");
            let artifact = compile(&wasm, &options).expect("a program");
            let proof = prove(&artifact);
            assert_eq!(proof.unknown_memory, 0, "{}: {proof:?}", program.display());
            all.add(proof);
        }
        println!("{opt_level:?}: {all:?}");
        assert_eq!(all.compared, 0, "{all:?}");
        assert!(all.proved > 5_000, "{all:?}");
    }
}
