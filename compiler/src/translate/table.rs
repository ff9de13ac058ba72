//! Tables and references.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder as _, Value, types};
use precast_artifacts_format::abi::{TABLE_ELEMENT_BYTES, VmTable};
use precast_artifacts_format::{RuntimeSymbol, TrapCode};
use wasmparser::Operator;

use super::fuel::TABLE_UNIT;
use super::{Result, Translator};
use crate::env::{POINTER, clif_type};
use crate::plan::TablePlace;
use crate::trap::clif_trap;

impl Translator<'_, '_> {
    /// Translates `operator` if it is one of this group; says whether it was.
    pub(super) fn table_operator(&mut self, operator: &Operator<'_>, offset: u64) -> Result<bool> {
        match *operator {
            Operator::TableGet { table } => self.table_get(table),
            Operator::TableSet { table } => self.table_set(table),
            Operator::TableSize { table } => self.table_size(table),
            Operator::TableGrow { table } => {
                let [init, delta] = self.pop2();
                let (init, delta) = (self.as_element(init), self.widen(delta));
                let is_64 = self.env.env.module.tables[table as usize].is_64;
                let table = self.index_constant(table);
                let before = self.call_runtime(RuntimeSymbol::TableGrow, &[table, init, delta]);
                let before = before.expect("growing gives a value");
                self.fuel_for_elements(delta, before);
                let before = self.narrow(before, is_64);
                self.push(before);
            }
            Operator::TableFill { table } => {
                let [destination, value, length] = self.pop3();
                let (destination, length) = (self.widen(destination), self.widen(length));
                self.fuel_for_length(length, TABLE_UNIT);
                let value = self.as_element(value);
                let table = self.index_constant(table);
                self.call_checked(
                    RuntimeSymbol::TableFill,
                    &[table, destination, value, length],
                    TrapCode::TableOutOfBounds,
                );
            }
            Operator::TableCopy {
                dst_table,
                src_table,
            } => self.table_bulk(RuntimeSymbol::TableCopy, [dst_table, src_table]),
            Operator::TableInit { elem_index, table } => {
                self.table_bulk(RuntimeSymbol::TableInit, [table, elem_index]);
            }
            Operator::ElemDrop { elem_index } => {
                let segment = self.index_constant(elem_index);
                self.call_runtime(RuntimeSymbol::ElemDrop, &[segment]);
            }
            Operator::RefNull { hty } => {
                let heap = self.env.env.module.heap_type(hty, offset)?;
                let null = self.null(heap);
                self.push(null);
            }
            Operator::RefIsNull => {
                let reference = self.pop();
                let null = self.builder.ins().icmp_imm_u(IntCC::Equal, reference, 0);
                self.push_bool(null);
            }
            Operator::RefAsNonNull => {
                let reference = self.peek();
                let null = clif_trap(TrapCode::NullReference);
                self.builder.ins().trapz(reference, null);
            }
            Operator::RefFunc { function_index } => {
                let place = self.env.env.plan.funcref_of[&function_index];
                let offset = self.env.env.plan.layout.funcref(place);
                let vmctx = self.env.vmctx;
                let address = self.builder.ins().iadd_imm_u(vmctx, i64::from(offset));
                self.push(address);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn table_bulk(&mut self, symbol: RuntimeSymbol, indices: [u32; 2]) {
        let operands = self.pop3().map(|value| self.widen(value));
        self.fuel_for_length(operands[2], TABLE_UNIT);
        let indices = indices.map(|index| self.index_constant(index));
        self.call_checked(
            symbol,
            &[&indices[..], &operands].concat(),
            TrapCode::TableOutOfBounds,
        );
    }

    fn table_get(&mut self, table: u32) {
        let index = self.pop();
        let element = self.element_address(table, index, TrapCode::TableOutOfBounds);
        let ty = self.env.env.module.tables[table as usize].element;
        let flags = self.env.table();
        let value = self.builder.ins().load(clif_type(ty), flags, element, 0);
        self.keep_findable(value, ty);
        self.push(value);
    }

    fn table_set(&mut self, table: u32) {
        let [index, value] = self.pop2();
        let element = self.element_address(table, index, TrapCode::TableOutOfBounds);
        let value = self.as_element(value);
        let flags = self.env.table();
        self.builder.ins().store(flags, value, element, 0);
    }

    fn table_size(&mut self, table: u32) {
        let is_64 = self.env.env.module.tables[table as usize].is_64;
        let length = match self.env.env.plan.tables[table as usize] {
            TablePlace::Constant { length, .. } => {
                let ty = if is_64 { types::I64 } else { types::I32 };
                self.builder.ins().iconst(ty, i64::from(length))
            }
            place => {
                let length = self.load_from_table(place, offset_of!(VmTable, length));
                self.narrow(length, is_64)
            }
        };
        self.push(length);
    }

    /// Loads a field of the definition of a table that is not constant.
    fn load_from_table(&mut self, place: TablePlace, field: usize) -> Value {
        let layout = &self.env.env.plan.layout;
        let vmctx = self.env.vmctx;
        let (base, offset) = match place {
            TablePlace::Vmctx(number) => (vmctx, layout.table(number)),
            TablePlace::Imported(number) => {
                let offset = layout.imported_table(number);
                let base = self
                    .env
                    .load_constant_pointer(&mut self.builder, vmctx, offset);
                (base, 0)
            }
            TablePlace::Constant { .. } => unreachable!("a constant table has no definition"),
        };
        let flags = self.env.context();
        let offset = (offset as usize + field) as i32;
        self.builder.ins().load(POINTER, flags, base, offset)
    }

    /// The address of an element of a table that is not constant; traps with `trap` where there
    /// is none.
    pub(super) fn element_address(&mut self, table: u32, index: Value, trap: TrapCode) -> Value {
        let place = self.env.env.plan.tables[table as usize];
        let length = self.load_from_table(place, offset_of!(VmTable, length));
        let base = self.load_from_table(place, offset_of!(VmTable, base));
        let index = self.widen(index);
        let outside = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        self.builder.ins().trapnz(outside, clif_trap(trap));
        let shift = i64::from(TABLE_ELEMENT_BYTES.trailing_zeros());
        let distance = self.builder.ins().ishl_imm_u(index, shift);
        let element = self.builder.ins().iadd(base, distance);
        // A processor that runs ahead of the check stays within the table.
        self.builder
            .ins()
            .select_spectre_guard(outside, base, element)
    }
}
