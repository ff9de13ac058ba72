//! Functions that tell a listener where they begin and end.
//!
//! Parameters and results are stored to slots in the function's frame, as they are on the way to
//! host functions. One set of slots serves both, since neither is needed when the other is told.

use cranelift_codegen::ir::{
    InstBuilder as _, StackSlot, StackSlotData, StackSlotKind, Value, types,
};
use precast_artifacts_format::RuntimeSymbol;

use super::{Translator, Values};
use crate::env::POINTER;
use crate::trampoline::{SLOT_BYTES, store_slots};

/// What it takes to tell, in a function that does.
#[derive(Clone, Copy)]
pub(super) struct Listening {
    func_index: u32,
    slots: StackSlot,
}

impl Translator<'_, '_> {
    /// Tells that the function at `func_index`, of the unique type `ty`, begins, if the module is
    /// compiled for listeners.
    pub(super) fn tell_enter(&mut self, func_index: u32, ty: u32) {
        if !self.env.env.listeners {
            return;
        }
        let func_type = self.env.env.module.type_at(ty);
        let count = func_type.params.len().max(func_type.results.len());
        let slots = self.builder.create_sized_stack_slot(StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            count as u32 * SLOT_BYTES as u32,
            SLOT_BYTES.trailing_zeros() as u8,
        ));
        self.listening = Some(Listening { func_index, slots });
        let block = self.builder.current_block().expect("the entry block");
        let params: Values = self.builder.block_params(block)[1..].into();
        self.tell(RuntimeSymbol::FuncEnter, &params);
    }

    /// Returns from the function, and tells so before.
    pub(super) fn return_(&mut self, results: &[Value]) {
        self.tell(RuntimeSymbol::FuncLeave, results);
        self.builder.ins().return_(results);
    }

    /// Tells that the function ends with a tail call.
    pub(super) fn tell_tail_call(&mut self) {
        if let Some(Listening { func_index, .. }) = self.listening {
            let no_results = self.builder.ins().iconst(POINTER, 0);
            self.tell_of(RuntimeSymbol::FuncLeave, func_index, no_results);
        }
    }

    fn tell(&mut self, symbol: RuntimeSymbol, values: &[Value]) {
        let Some(Listening { func_index, slots }) = self.listening else {
            return;
        };
        let slots = self.builder.ins().stack_addr(POINTER, slots, 0);
        store_slots(&mut self.builder, slots, values);
        self.tell_of(symbol, func_index, slots);
    }

    fn tell_of(&mut self, symbol: RuntimeSymbol, func_index: u32, slots: Value) {
        let func_index = self.builder.ins().iconst(types::I32, i64::from(func_index));
        let frame_pointer = self.builder.ins().get_frame_pointer(POINTER);
        self.call_runtime(symbol, &[func_index, slots, frame_pointer]);
    }
}
