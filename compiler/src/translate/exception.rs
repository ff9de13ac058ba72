//! Exceptions: where they are caught and where they are thrown.
//!
//! Inside of a `try_table` a call ends its block, and names besides the block where it returns to a
//! handler for each clause of all the `try_table`s around it. Nothing else is done on the way in or
//! out: a call that returns costs what it costs elsewhere, but for values that would have stayed in
//! registers. Which handler an exception goes to is found by the loader, in what
//! [`UnwindTable`](precast_artifacts_format::UnwindTable) keeps of this.

use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, ExceptionTable, ExceptionTableData, ExceptionTableItem,
    ExceptionTag, InstBuilder as _, SigRef, StackSlot, StackSlotData, StackSlotKind, Value, types,
};
use precast_artifacts_format::{Catches, Hierarchy, TrapCode, ValType};
use rustc_hash::FxHashSet;
use wasmparser::{Catch, Operator, TryTable};

use super::call::Code;
use super::control::{Kind, block_args};
use super::{Result, Translator, Values, source_location};
use crate::env::{POINTER, Throwing};
use crate::error::CompileError;
use crate::trampoline::{SLOT_BYTES, load_slots, store_slots};
use crate::trap::clif_trap;

/// The most handlers that all calls and `try_table`s of a function may have together: each has those
/// of all the `try_table`s around it, which may be as many as the square of the function's length.
/// Programs have one or two tags, and so one or two for each call.
const MAX_HANDLERS: usize = 1 << 17;

/// What one function's translation has built up for exceptions.
#[derive(Default)]
pub(super) struct Exceptions {
    /// The `try_table`s around here, the innermost last.
    around: Vec<Around>,
    /// How many handlers there are so far in all lists together.
    listed: usize,
    /// The blocks of those that some call names.
    named: FxHashSet<Block>,
    /// Where the arguments of what is thrown go, and its size in slots.
    slots: Option<(StackSlot, usize)>,
}

/// A `try_table`.
struct Around {
    /// Its own clauses, and the blocks where they start.
    clauses: Vec<(Block, Catch)>,
    offset: u64,
    /// All handlers that an exception from inside may come to, in the order in which they count:
    /// without those that come after another for the same tag, or for everything.
    handlers: Vec<Handler>,
}

#[derive(Clone, Copy)]
struct Handler {
    catches: Catches,
    block: Block,
}

impl Exceptions {
    /// Whether a call here may go on elsewhere than behind it.
    pub(super) fn are_handled(&self) -> bool {
        !self.handlers().is_empty()
    }

    fn handlers(&self) -> &[Handler] {
        self.around.last().map_or(&[], |around| &around.handlers)
    }

    /// The handlers inside of a `try_table` that has these itself.
    fn handlers_within(&mut self, own: &[Handler]) -> Vec<Handler> {
        let mut list: Vec<Handler> = Vec::new();
        for &handler in own.iter().chain(self.handlers()) {
            if list.len() > MAX_HANDLERS {
                break;
            }
            let is_shadowed = list.iter().any(|earlier| {
                let tag = earlier.catches.tag;
                tag.is_none() || tag == handler.catches.tag
            });
            if !is_shadowed {
                list.push(handler);
            }
        }
        self.listed += list.len();
        list
    }

    /// Fails if there are more handlers than a function may have.
    pub(super) fn check(&self) -> Result<()> {
        if self.listed <= MAX_HANDLERS {
            return Ok(());
        }
        Err(CompileError::Limit {
            what: "a function has too many exception handlers, counted for each call in their scope",
            limit: MAX_HANDLERS as u64,
            name: None,
        })
    }
}

impl Translator<'_, '_> {
    /// Translates `operator` if it is one of this group; says whether it was.
    pub(super) fn exception_operator(
        &mut self,
        operator: &Operator<'_>,
        offset: u64,
    ) -> Result<bool> {
        match operator {
            Operator::TryTable { try_table } => self.try_table(try_table, offset)?,
            Operator::Throw { tag_index } => self.throw(*tag_index),
            Operator::ThrowRef => self.throw_ref(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Notes that a reference to an exception has to be in the function's frame during calls, where
    /// the loader finds it when it looks for exceptions that are still in use. Everything else is
    /// left as it is.
    pub(super) fn keep_findable(&mut self, value: Value, ty: ValType) {
        if ty.refers_to(Hierarchy::Exn) {
            self.builder.declare_value_needs_stack_map(value);
        }
    }

    fn try_table(&mut self, try_table: &TryTable, offset: u64) -> Result<()> {
        let ty = self.block_type(try_table.ty, offset)?;
        let body = self.builder.create_block();
        self.builder.ins().jump(body, &[]);
        self.builder.seal_block(body);
        let clauses = try_table.catches.iter();
        let own: Vec<Handler> = clauses.map(|clause| self.handler(clause)).collect();
        let handlers = self.exceptions.handlers_within(&own);
        let blocks = own.iter().map(|handler| handler.block);
        self.exceptions.around.push(Around {
            clauses: blocks.zip(try_table.catches.iter().copied()).collect(),
            offset,
            handlers,
        });
        // Before there are more of them than can be.
        self.exceptions.check()?;
        self.builder.switch_to_block(body);
        self.open(Kind::TryTable, &ty);
        Ok(())
    }

    /// The end of a `try_table`, seen from outside of it: nothing more comes to its handlers.
    ///
    /// Handlers that no call names are left empty, and so no part of the function: taking away blocks that
    /// nothing leads to takes time by the square of their number, if all of them lead to the same.
    pub(super) fn end_try_table(&mut self) {
        let around = self.exceptions.around.pop();
        let around = around.expect("validated: inside a block");
        for (block, clause) in around.clauses {
            if self.exceptions.named.remove(&block) {
                self.builder.set_srcloc(source_location(around.offset));
                self.handle(block, clause);
            }
            self.builder.seal_block(block);
        }
    }

    /// The block that an exception comes to by a clause.
    fn handler(&mut self, clause: &Catch) -> Handler {
        let (tag, keeps_reference, _) = parts(*clause);
        let catches = Catches {
            tag,
            keeps_reference,
        };
        let block = self.builder.create_block();
        Handler { catches, block }
    }

    /// Goes from a handler's block to its clause's label.
    fn handle(&mut self, block: Block, clause: Catch) {
        let (tag, keeps_reference, label) = parts(clause);
        self.builder.set_cold_block(block);
        let [slots, exception] = [POINTER; 2].map(|ty| self.builder.append_block_param(block, ty));
        self.builder.switch_to_block(block);
        let mut values = Values::new();
        if let Some(tag) = tag {
            let params = &self.env.env.module.tag_type(tag).params;
            values.extend(load_slots(&mut self.builder, slots, params));
            for (&value, &ty) in values.iter().zip(params) {
                self.keep_findable(value, ty);
            }
        }
        if keeps_reference {
            let exception = self.builder.ins().ireduce(types::I32, exception);
            self.keep_findable(exception, ValType::EXNREF);
            values.push(exception);
        }
        let (target, _) = self.branch_target(label);
        self.builder.ins().jump(target, &block_args(&values));
    }

    /// Calls a function inside of a `try_table`; gives the results.
    pub(super) fn try_call(&mut self, code: Code, signature: SigRef, args: &[Value]) -> Values {
        let returned = self.builder.create_block();
        let results = self.builder.func.dfg.signatures[signature].returns.clone();
        let results: Values = results
            .iter()
            .map(|result| self.builder.append_block_param(returned, result.value_type))
            .collect();
        let table = self.exception_table(signature, returned, results.len());
        match code {
            Code::Defined(func) => self.builder.ins().try_call(func, args, table),
            Code::At(code) => self.builder.ins().try_call_indirect(code, args, table),
        };
        self.builder.seal_block(returned);
        self.builder.switch_to_block(returned);
        results
    }

    fn exception_table(
        &mut self,
        signature: SigRef,
        returned: Block,
        results: usize,
    ) -> ExceptionTable {
        let pool = &mut self.builder.func.dfg.value_lists;
        let results = (0..results as u32).map(BlockArg::TryCallRet);
        let on_return = BlockCall::new(returned, results, pool);
        let mut items = vec![ExceptionTableItem::Context(self.env.vmctx)];
        self.exceptions.listed += self.exceptions.handlers().len();
        let may_have_more = self.exceptions.check().is_ok();
        let Exceptions { around, named, .. } = &mut self.exceptions;
        let handlers = around.last().filter(|_| may_have_more);
        let handlers = handlers.map_or(&[][..], |around| &around.handlers);
        for &Handler { catches, block } in handlers {
            let tag = catches.to_number().expect("validated: tags are few");
            let payload = [0, 1].map(BlockArg::TryCallExn);
            let call = BlockCall::new(block, payload, pool);
            named.insert(block);
            items.push(ExceptionTableItem::Tag(ExceptionTag::from_u32(tag), call));
        }
        let table = ExceptionTableData::new(signature, on_return, items);
        self.builder.func.dfg.exception_tables.push(table)
    }

    fn throw(&mut self, tag: u32) {
        let params = self.env.env.module.tag_type(tag).params.len();
        let args = self.pop_many(params);
        let slots = self.argument_slots(params);
        store_slots(&mut self.builder, slots, &args);
        let tag = self.builder.ins().iconst(types::I32, i64::from(tag));
        self.leave_by_throwing(Throwing::New, tag, slots);
    }

    fn throw_ref(&mut self) {
        let exception = self.pop();
        let trap = clif_trap(TrapCode::NullExceptionReference);
        self.builder.ins().trapz(exception, trap);
        let no_slots = self.builder.ins().iconst(POINTER, 0);
        self.leave_by_throwing(Throwing::Again, exception, no_slots);
    }

    fn leave_by_throwing(&mut self, throwing: Throwing, what: Value, slots: Value) {
        let trampoline = self.env.throwing(self.builder.func, throwing);
        let args = [self.env.vmctx, what, slots];
        if self.exceptions.are_handled() {
            let signature = self.builder.func.dfg.ext_funcs[trampoline].signature;
            self.try_call(Code::Defined(trampoline), signature, &args);
        } else {
            self.builder.ins().call(trampoline, &args);
        }
        self.trap(TrapCode::Unreachable);
    }

    /// The address of that many slots in the function's frame. All that it throws shares them.
    fn argument_slots(&mut self, count: usize) -> Value {
        let bytes = count as u32 * SLOT_BYTES as u32;
        let (slot, room) = *self.exceptions.slots.get_or_insert_with(|| {
            let slot = self.builder.create_sized_stack_slot(StackSlotData::new(
                StackSlotKind::ExplicitSlot,
                bytes,
                SLOT_BYTES.trailing_zeros() as u8,
            ));
            (slot, count)
        });
        if count > room {
            self.builder.func.sized_stack_slots[slot].size = bytes;
            self.exceptions.slots = Some((slot, count));
        }
        self.builder.ins().stack_addr(POINTER, slot, 0)
    }
}

/// The tag, if it is for one, whether it keeps the reference, and the label.
const fn parts(clause: Catch) -> (Option<u32>, bool, u32) {
    match clause {
        Catch::One { tag, label } => (Some(tag), false, label),
        Catch::OneRef { tag, label } => (Some(tag), true, label),
        Catch::All { label } => (None, false, label),
        Catch::AllRef { label } => (None, true, label),
    }
}
