//! Structured control: blocks, loops, branches.
//!
//! Every open block has a [`Frame`] that says which Cranelift block a branch to it goes to. Results
//! travel as block parameters.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, Inst, InstBuilder as _, JumpTableData, Value,
};
use precast_artifacts_format::{FuncType, TrapCode, ValType};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use wasmparser::{BlockType, Operator};

use super::{Result, Translator, Values};
use crate::env::clif_type;
use crate::trap::clif_trap;

/// An open block.
pub(super) struct Frame {
    kind: Kind,
    /// Where execution goes on after the block's end; its parameters are the block's results.
    exit: Block,
    /// How many values a branch to this frame takes with it.
    branch_arity: usize,
    results: usize,
    /// The operand stack's height below the block's own parameters.
    height: usize,
    /// Whether anything branches to `exit`.
    exit_used: bool,
}

/// Code that is unlikely to run, up to the end of a block or of an arm of an `if`.
#[derive(Clone, Copy)]
pub(super) struct Cold {
    /// How many blocks are open there.
    depth: usize,
    /// How many Cranelift blocks there were where it starts.
    from: usize,
}

pub(super) enum Kind {
    /// A `block`, or the function itself.
    Block,
    Loop {
        header: Block,
    },
    /// An `if` whose `else` has not been seen.
    If {
        /// The conditional branch.
        branch: Inst,
        /// Where it goes if the condition is false.
        otherwise: Block,
        /// The block's parameters, which both arms start with.
        params: Values,
        /// Whether the second arm is unlikely to run.
        otherwise_cold: bool,
    },
    /// The second arm of an `if`.
    Else,
    TryTable,
}

impl Frame {
    fn target(&self) -> Block {
        match self.kind {
            Kind::Loop { header } => header,
            _ => self.exit,
        }
    }
}

pub(super) fn block_args(values: &[Value]) -> SmallVec<[BlockArg; 8]> {
    values.iter().copied().map(BlockArg::Value).collect()
}

impl Translator<'_, '_> {
    /// Opens the frame of the whole function, of type `ty`.
    pub(super) fn enter_function(&mut self, ty: u32) {
        let results = &self.env.env.module.type_at(ty).results;
        let exit = self.block_with(results);
        self.control.push(Frame {
            kind: Kind::Block,
            exit,
            branch_arity: results.len(),
            results: results.len(),
            height: 0,
            exit_used: false,
        });
    }

    /// Translates `operator` if it is one of this group; says whether it was.
    pub(super) fn control_operator(
        &mut self,
        operator: &Operator<'_>,
        offset: u64,
    ) -> Result<bool> {
        match operator {
            Operator::Nop => {}
            Operator::Unreachable => {
                self.trap(TrapCode::Unreachable);
            }
            Operator::Block { blockty } => {
                let ty = self.block_type(*blockty, offset)?;
                self.open(Kind::Block, &ty);
            }
            Operator::Loop { blockty } => {
                let ty = self.block_type(*blockty, offset)?;
                self.open_loop(&ty);
            }
            Operator::If { blockty } => {
                let ty = self.block_type(*blockty, offset)?;
                let likely = self.branch_hint(offset);
                self.open_if(&ty, likely);
            }
            Operator::Else => self.else_(),
            Operator::End => self.end(),
            Operator::Br { relative_depth } => {
                self.branch(*relative_depth);
                self.reachable = false;
            }
            Operator::BrIf { relative_depth } => {
                let condition = self.pop();
                let likely = self.branch_hint(offset);
                self.branch_if(condition, *relative_depth, likely);
            }
            Operator::BrOnNull { relative_depth } => {
                let reference = self.pop();
                let is_null = self.builder.ins().icmp_imm_u(IntCC::Equal, reference, 0);
                self.branch_if(is_null, *relative_depth, None);
                self.push(reference);
            }
            Operator::BrOnNonNull { relative_depth } => {
                // A branch takes the reference along, what follows does not see it.
                let reference = self.peek();
                let ins = self.builder.ins();
                let is_there = ins.icmp_imm_u(IntCC::NotEqual, reference, 0);
                self.branch_if(is_there, *relative_depth, None);
                self.pop();
            }
            Operator::BrTable { targets } => self.branch_table(targets)?,
            Operator::Return => {
                let count = self.control[0].results;
                let values = self.peek_many(count);
                self.return_(&values);
                self.reachable = false;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// An operator that cannot be reached: only the nesting of blocks matters.
    pub(super) fn unreachable_operator(&mut self, operator: &Operator<'_>) -> Result<()> {
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. } => self.skipped_blocks += 1,
            Operator::Else if self.skipped_blocks == 0 => self.else_(),
            Operator::End if self.skipped_blocks == 0 => self.end(),
            Operator::End | Operator::Delegate { .. } => self.skipped_blocks -= 1,
            _ => {}
        }
        Ok(())
    }

    /// Stops the program here.
    pub(super) fn trap(&mut self, code: TrapCode) {
        self.builder.ins().trap(clif_trap(code));
        self.reachable = false;
    }

    pub(super) fn block_type(&self, ty: BlockType, offset: u64) -> Result<FuncType> {
        Ok(match ty {
            BlockType::Empty => FuncType::new([], []),
            BlockType::Type(result) => {
                FuncType::new([], [self.env.env.module.val_type(result, offset)?])
            }
            BlockType::FuncType(index) => {
                let module = self.env.env.module;
                module.type_at(module.unique_type(index)).clone()
            }
        })
    }

    /// A new block with parameters of these types.
    fn block_with(&mut self, types: &[ValType]) -> Block {
        self.extent.passed_values += types.len();
        let block = self.builder.create_block();
        for ty in types {
            let param = self.builder.append_block_param(block, clif_type(*ty));
            self.keep_findable(param, *ty);
        }
        block
    }

    pub(super) fn open(&mut self, kind: Kind, ty: &FuncType) {
        let exit = self.block_with(&ty.results);
        let branch_arity = match kind {
            Kind::Loop { .. } => ty.params.len(),
            _ => ty.results.len(),
        };
        self.control.push(Frame {
            kind,
            exit,
            branch_arity,
            results: ty.results.len(),
            height: self.stack.len() - ty.params.len(),
            exit_used: false,
        });
    }

    fn open_loop(&mut self, ty: &FuncType) {
        let header = self.block_with(&ty.params);
        let params = self.pop_many(ty.params.len());
        self.builder.ins().jump(header, &block_args(&params));
        self.builder.switch_to_block(header);
        self.stack
            .extend_from_slice(self.builder.block_params(header));
        self.open(Kind::Loop { header }, ty);
    }

    fn open_if(&mut self, ty: &FuncType, likely: Option<bool>) {
        let condition = self.pop();
        // Before the branch, since both arms have them.
        let params = self.peek_many(ty.params.len());
        let then = self.builder.create_block();
        let otherwise = self.builder.create_block();
        let branch = self
            .builder
            .ins()
            .brif(condition, then, &[], otherwise, &[]);
        self.builder.seal_block(then);
        self.builder.switch_to_block(then);
        let kind = Kind::If {
            branch,
            otherwise,
            params,
            otherwise_cold: likely == Some(true),
        };
        self.open(kind, ty);
        if likely == Some(false) {
            self.start_cold(then);
        }
    }

    fn else_(&mut self) {
        self.leave_arm();
        self.end_cold();
        let frame = self.control.last_mut().expect("validated: inside an if");
        let height = frame.height;
        let Kind::If {
            otherwise,
            params,
            otherwise_cold,
            ..
        } = std::mem::replace(&mut frame.kind, Kind::Else)
        else {
            unreachable!("validated: an else belongs to an if");
        };
        self.builder.seal_block(otherwise);
        self.builder.switch_to_block(otherwise);
        self.stack.truncate(height);
        self.stack.extend(params);
        self.reachable = true;
        if otherwise_cold {
            self.start_cold(otherwise);
        }
    }

    /// Goes from the end of a block, or of one arm of an `if`, to what follows it.
    fn leave_arm(&mut self) {
        if self.reachable {
            let frame = self.control.last_mut().expect("validated: inside a block");
            frame.exit_used = true;
            let (exit, results) = (frame.exit, frame.results);
            let values = self.peek_many(results);
            self.builder.ins().jump(exit, &block_args(&values));
            self.reachable = false;
        }
    }

    fn end(&mut self) {
        self.end_cold();
        if self.control.len() == 1 {
            return self.end_function();
        }
        self.leave_arm();
        let mut frame = self.control.pop().expect("validated: inside a block");
        match frame.kind {
            Kind::Loop { header } => self.builder.seal_block(header),
            Kind::If {
                branch,
                otherwise,
                params,
                otherwise_cold,
            } => {
                // There was no else: the false arm hands the parameters on as results.
                frame.exit_used = true;
                if params.is_empty() {
                    self.builder
                        .change_jump_destination(branch, otherwise, frame.exit);
                } else {
                    if otherwise_cold {
                        self.builder.set_cold_block(otherwise);
                    }
                    self.builder.seal_block(otherwise);
                    self.builder.switch_to_block(otherwise);
                    self.builder.ins().jump(frame.exit, &block_args(&params));
                }
            }
            Kind::TryTable => self.end_try_table(),
            Kind::Block | Kind::Else => {}
        }
        self.stack.truncate(frame.height);
        if frame.exit_used {
            self.builder.seal_block(frame.exit);
            self.builder.switch_to_block(frame.exit);
            self.stack
                .extend_from_slice(self.builder.block_params(frame.exit));
            self.reachable = true;
        }
    }

    fn end_function(&mut self) {
        let frame = self.control.pop().expect("the function's own frame");
        if frame.exit_used {
            // Something branches here, so what falls through has to come here too.
            if self.reachable {
                let values = self.peek_many(frame.results);
                self.builder.ins().jump(frame.exit, &block_args(&values));
            }
            self.builder.seal_block(frame.exit);
            self.builder.switch_to_block(frame.exit);
            let results: Values = self.builder.block_params(frame.exit).into();
            self.return_(&results);
        } else if self.reachable {
            let values = self.peek_many(frame.results);
            self.return_(&values);
        }
        self.reachable = false;
    }

    fn frame_at(&mut self, depth: u32) -> &mut Frame {
        let index = self.control.len() - 1 - depth as usize;
        &mut self.control[index]
    }

    /// The block that a branch to `depth` goes to, and the number of values it takes.
    pub(super) fn branch_target(&mut self, depth: u32) -> (Block, usize) {
        let frame = self.frame_at(depth);
        if !matches!(frame.kind, Kind::Loop { .. }) {
            frame.exit_used = true;
        }
        (frame.target(), frame.branch_arity)
    }

    fn branch(&mut self, depth: u32) {
        let (target, arity) = self.branch_target(depth);
        let values = self.peek_many(arity);
        self.builder.ins().jump(target, &block_args(&values));
    }

    fn branch_if(&mut self, condition: Value, depth: u32, likely: Option<bool>) {
        let goes_round = matches!(self.frame_at(depth).kind, Kind::Loop { .. });
        let (target, arity) = self.branch_target(depth);
        let values = self.peek_many(arity);
        let args = block_args(&values);
        let next = self.builder.create_block();
        if likely == Some(false) {
            // Others may branch to the target too, so it is not the target that is cold, but a
            // block on the way there.
            let on_the_way = self.builder.create_block();
            self.builder
                .ins()
                .brif(condition, on_the_way, &[], next, &[]);
            self.builder.set_cold_block(on_the_way);
            self.builder.seal_block(on_the_way);
            self.builder.switch_to_block(on_the_way);
            self.builder.ins().jump(target, &args);
        } else {
            self.builder.ins().brif(condition, target, &args, next, &[]);
        }
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
        // That a loop goes round many times does not make cold what comes after it.
        if likely == Some(true) && !goes_round {
            self.start_cold(next);
        }
    }

    /// Whether the module says that the condition of the branch at `offset` is likely to hold.
    fn branch_hint(&self, offset: u64) -> Option<bool> {
        let hints = &self.env.env.module.branch_hints;
        hints.likely(self.func_index, (offset - self.body_offset) as u32)
    }

    /// The innermost block's code is unlikely to run from `block`, the current one, to its end, or to
    /// the `else`.
    fn start_cold(&mut self, block: Block) {
        self.builder.set_cold_block(block);
        self.cold.get_or_insert(Cold {
            depth: self.control.len(),
            from: self.builder.func.dfg.num_blocks(),
        });
    }

    /// Where such code ends: all blocks that have been made in it can be reached through it only.
    fn end_cold(&mut self) {
        // Once, where the outermost such code ends, however deep blocks are nested in it.
        let depth = self.control.len();
        if let Some(cold) = self.cold.take_if(|cold| cold.depth == depth) {
            for block in cold.from..self.builder.func.dfg.num_blocks() {
                self.builder.set_cold_block(Block::from_u32(block as u32));
            }
        }
    }

    fn branch_table(&mut self, targets: &wasmparser::BrTable<'_>) -> Result<()> {
        let index = self.pop();
        let arity = self.branch_target(targets.default()).1;
        // Before the ways part: what makes them canonical has to be on all of them.
        let values = self.peek_many(arity);
        // Values go from the table to a block for each of its different targets, and from there to
        // the target, so that a long table does not multiply them.
        let mut ways: FxHashMap<u32, Block> = FxHashMap::default();
        let mut way = |this: &mut Self, depth| match arity {
            0 => this.branch_target(depth).0,
            _ => *ways
                .entry(depth)
                .or_insert_with(|| this.builder.create_block()),
        };
        let mut blocks = Vec::with_capacity(targets.len() as usize);
        for depth in targets.targets() {
            blocks.push(way(self, depth?));
        }
        let default = way(self, targets.default());
        let pool = &mut self.builder.func.dfg.value_lists;
        let calls = blocks
            .into_iter()
            .map(|block| BlockCall::new(block, [], pool));
        let calls: Vec<_> = calls.collect();
        let default = BlockCall::new(default, [], pool);
        let table = self
            .builder
            .create_jump_table(JumpTableData::new(default, &calls));
        self.builder.ins().br_table(index, table);
        let mut ways: Vec<_> = ways.into_iter().collect();
        ways.sort_unstable();
        for (depth, block) in ways {
            self.builder.seal_block(block);
            self.builder.switch_to_block(block);
            self.extent.passed_values += arity;
            let (target, _) = self.branch_target(depth);
            self.builder.ins().jump(target, &block_args(&values));
        }
        self.reachable = false;
        Ok(())
    }
}
