//! Structured control: blocks, loops, branches.
//!
//! Every open block has a [`Frame`] that says which Cranelift block a branch to it goes to. Results
//! travel as block parameters.

use cranelift_codegen::ir::{Block, BlockArg, BlockCall, Inst, InstBuilder as _, JumpTableData};
use precast_artifacts_format::{FuncType, TrapCode, ValType};
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

pub(super) fn block_args(values: &[cranelift_codegen::ir::Value]) -> SmallVec<[BlockArg; 8]> {
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
                self.open_if(&ty);
            }
            Operator::Else => self.else_(),
            Operator::End => self.end(),
            Operator::Br { relative_depth } => {
                self.branch(*relative_depth);
                self.reachable = false;
            }
            Operator::BrIf { relative_depth } => self.branch_if(*relative_depth),
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

    fn open_if(&mut self, ty: &FuncType) {
        let condition = self.pop();
        let then = self.builder.create_block();
        let otherwise = self.builder.create_block();
        let branch = self
            .builder
            .ins()
            .brif(condition, then, &[], otherwise, &[]);
        self.builder.seal_block(then);
        self.builder.switch_to_block(then);
        let params = self.peek_many(ty.params.len());
        let kind = Kind::If {
            branch,
            otherwise,
            params,
        };
        self.open(kind, ty);
    }

    fn else_(&mut self) {
        self.leave_arm();
        let frame = self.control.last_mut().expect("validated: inside an if");
        let height = frame.height;
        let Kind::If {
            otherwise, params, ..
        } = std::mem::replace(&mut frame.kind, Kind::Else)
        else {
            unreachable!("validated: an else belongs to an if");
        };
        self.builder.seal_block(otherwise);
        self.builder.switch_to_block(otherwise);
        self.stack.truncate(height);
        self.stack.extend(params);
        self.reachable = true;
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
            } => {
                // There was no else: the false arm hands the parameters on as results.
                frame.exit_used = true;
                if params.is_empty() {
                    self.builder
                        .change_jump_destination(branch, otherwise, frame.exit);
                } else {
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

    /// The block that a branch to `depth` goes to, and the number of values it takes.
    pub(super) fn branch_target(&mut self, depth: u32) -> (Block, usize) {
        let index = self.control.len() - 1 - depth as usize;
        let frame = &mut self.control[index];
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

    fn branch_if(&mut self, depth: u32) {
        let condition = self.pop();
        let (target, arity) = self.branch_target(depth);
        let values = self.peek_many(arity);
        let next = self.builder.create_block();
        self.builder
            .ins()
            .brif(condition, target, &block_args(&values), next, &[]);
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
    }

    fn branch_table(&mut self, targets: &wasmparser::BrTable<'_>) -> Result<()> {
        let index = self.pop();
        let (default, arity) = self.branch_target(targets.default());
        let values = self.peek_many(arity);
        let args = block_args(&values);
        let mut calls = Vec::with_capacity(targets.len() as usize);
        for depth in targets.targets() {
            let (target, _) = self.branch_target(depth?);
            let pool = &mut self.builder.func.dfg.value_lists;
            calls.push(BlockCall::new(target, args.iter().copied(), pool));
        }
        let pool = &mut self.builder.func.dfg.value_lists;
        let default = BlockCall::new(default, args.iter().copied(), pool);
        let table = self
            .builder
            .create_jump_table(JumpTableData::new(default, &calls));
        self.builder.ins().br_table(index, table);
        self.reachable = false;
        Ok(())
    }
}
