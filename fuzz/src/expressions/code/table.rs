//! References, and the table that may change.

use arbitrary::Result;
use wasm_encoder::Instruction::*;
use wasm_encoder::{HeapType, RefType, ValType};

use super::Body;

impl Body<'_, '_, '_> {
    fn place(&mut self) -> Result<()> {
        self.expression(ValType::I32, 1)?;
        let mask = if self.reckless && self.u.ratio(1, 4)? {
            31
        } else {
            3
        };
        self.put(&[I32Const(mask), I32And]);
        Ok(())
    }

    /// Something with the table that may change.
    pub(super) fn table(&mut self) -> Result<()> {
        match self.u.int_in_range(0..=6)? {
            0 | 1 => {
                self.place()?;
                self.funcref()?;
                self.put(&[TableSet(1)]);
            }
            2 => {
                self.funcref()?;
                self.put(&[LocalSet(self.reference())]);
            }
            3 => {
                self.place()?;
                self.place()?;
                self.place()?;
                let src_table = u32::from(self.u.arbitrary::<bool>()?);
                self.put(&[
                    I32Const(1),
                    I32And,
                    TableCopy {
                        src_table,
                        dst_table: 1,
                    },
                ]);
            }
            4 => {
                self.place()?;
                self.funcref()?;
                self.put(&[I32Const(2), TableFill(1)]);
            }
            5 => {
                self.place()?;
                self.put(&[
                    I32Const(0),
                    I32Const(1),
                    TableInit {
                        elem_index: 1,
                        table: 1,
                    },
                ]);
                if self.reckless {
                    self.put(&[ElemDrop(1)]);
                }
            }
            _ => {
                self.funcref()?;
                self.place()?;
                self.put(&[I32Const(1), I32And, TableGrow(1)]);
                self.keep(ValType::I32)?;
                self.put(&[TableSize(1)]);
                self.keep(ValType::I32)?;
            }
        }
        Ok(())
    }

    /// A reference to the function, of its type; or null, if that may trap.
    pub(super) fn typed_ref(&mut self, func: u32, type_index: u32) -> Result<()> {
        self.put(&[RefFunc(func)]);
        if self.reckless && self.u.ratio(1, 3)? {
            let heap_type = HeapType::Concrete(type_index);
            self.put(&[RefNull(heap_type)]);
            self.expression(ValType::I32, 1)?;
            self.put(&[TypedSelect(ValType::Ref(RefType {
                nullable: true,
                heap_type,
            }))]);
            if self.u.arbitrary()? {
                self.put(&[RefAsNonNull]);
            }
        }
        Ok(())
    }

    pub(super) fn funcref(&mut self) -> Result<()> {
        match self.u.int_in_range(0..=4)? {
            0 => self.put(&[RefNull(HeapType::FUNC)]),
            1 => {
                let func = self.u.choose_index(self.world.functions.len())?;
                self.put(&[RefFunc(func as u32)]);
            }
            2 => {
                self.place()?;
                self.put(&[TableGet(1)]);
            }
            3 => {
                self.put(&[LocalGet(self.reference()), RefNull(HeapType::FUNC)]);
                self.expression(ValType::I32, 1)?;
                self.put(&[TypedSelect(RefType::FUNCREF.into())]);
            }
            _ => self.put(&[LocalGet(self.reference())]),
        }
        Ok(())
    }
}
