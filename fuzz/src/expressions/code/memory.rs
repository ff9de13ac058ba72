//! Accesses to memories, most often within bounds, and most often where others are too.

use arbitrary::Result;
use wasm_encoder::Instruction::*;
use wasm_encoder::{MemArg, MemArgTarget, ValType};

use super::{Body, DEPTH};
use crate::expressions::operators::{self, Access, TYPES};
use crate::modules::Dialect;

impl Body<'_, '_, '_> {
    fn memory(&mut self) -> Result<(u32, bool)> {
        let index = self.u.choose_index(self.world.memories.len())?;
        Ok((index as u32, self.world.memories[index].is_64))
    }

    /// An address, most often one where others are too.
    fn address(&mut self, is_64: bool, mask: u32) -> Result<()> {
        let is_wild = self.reckless && self.u.ratio(1, 6)?;
        let ty = if is_64 { ValType::I64 } else { ValType::I32 };
        self.expression(ty, 1)?;
        if is_wild {
            // Only around the end of what there may be.
            self.number(is_64, 0x3_ffff);
        } else {
            self.number(is_64, mask);
        }
        self.put(&[if is_64 { I64And } else { I32And }]);
        Ok(())
    }

    fn number(&mut self, is_64: bool, number: u32) {
        self.put(&[if is_64 {
            I64Const(number.into())
        } else {
            I32Const(number as i32)
        }]);
    }

    /// What an access takes beside its address, which is on the stack afterwards.
    fn access(&mut self, align: u32, is_atomic: bool) -> Result<MemArg> {
        let (memory_index, is_64) = self.memory()?;
        let mask = *self.u.choose(&[0x1f, 0x3f, 0x7fff])?;
        self.address(is_64, if is_atomic { mask & !7 } else { mask })?;
        let offsets: &[u64] = if is_atomic {
            &[0, 8, 0x100, 0x7fe0]
        } else {
            &[0, 0, 1, 3, 8, 0x10, 0x100, 0x7fe0]
        };
        Ok(MemArg {
            offset: *self.u.choose(offsets)?,
            align: if is_atomic {
                align
            } else {
                self.u.int_in_range(0..=align)?
            },
            target: MemArgTarget::Memory(memory_index),
            ordering: None,
        })
    }

    pub(super) fn load(&mut self, ty: ValType) -> Result<()> {
        let atomics = operators::atomics(ty);
        if self.world.dialect == Dialect::Wasmtime && !atomics.is_empty() && self.u.ratio(1, 3)? {
            let (params, all) = *self.u.choose(atomics)?;
            let (op, align) = *self.u.choose(all)?;
            let memarg = self.access(align, true)?;
            for &param in params {
                self.expression(param, 1)?;
            }
            self.put(&[op(memarg)]);
            return Ok(());
        }
        let is_lane = ty == ValType::V128 && self.u.ratio(1, 3)?;
        let all: &[Access] = if is_lane {
            operators::LANE_LOADS
        } else {
            operators::loads(ty)
        };
        let (op, align) = *self.u.choose(all)?;
        let memarg = self.access(align, false)?;
        if is_lane {
            self.expression(ty, 1)?;
        }
        self.put(&[op(memarg)]);
        Ok(())
    }

    pub(super) fn store(&mut self) -> Result<()> {
        let ty = *self.u.choose(&TYPES)?;
        let atomics = operators::atomic_stores(ty);
        let is_atomic =
            self.world.dialect == Dialect::Wasmtime && !atomics.is_empty() && self.u.ratio(1, 4)?;
        let stores = if is_atomic {
            atomics
        } else {
            operators::stores(ty)
        };
        let (op, align) = *self.u.choose(stores)?;
        let memarg = self.access(align, is_atomic)?;
        self.expression(ty, DEPTH)?;
        self.put(&[op(memarg)]);
        Ok(())
    }

    /// What works on many bytes at once.
    pub(super) fn bulk(&mut self) -> Result<()> {
        let (mem, is_64) = self.memory()?;
        match self.u.int_in_range(0..=4)? {
            0 | 1 => {
                let (src_mem, src_is_64) = if self.u.arbitrary()? {
                    self.memory()?
                } else {
                    (mem, is_64)
                };
                self.address(is_64, 0x7f)?;
                self.address(src_is_64, 0x7f)?;
                self.address(is_64 && src_is_64, 0x3f)?;
                self.put(&[MemoryCopy {
                    src_mem,
                    dst_mem: mem,
                }]);
            }
            2 => {
                self.address(is_64, 0xff)?;
                self.expression(ValType::I32, 1)?;
                self.address(is_64, 0x3f)?;
                self.put(&[MemoryFill(mem)]);
            }
            3 => {
                self.address(is_64, 0xff)?;
                self.address(false, 7)?;
                self.address(false, 7)?;
                self.put(&[MemoryInit { mem, data_index: 0 }]);
                if self.reckless {
                    self.put(&[DataDrop(0)]);
                }
            }
            _ => {
                self.address(is_64, 1)?;
                self.put(&[MemoryGrow(mem)]);
                self.keep(if is_64 { ValType::I64 } else { ValType::I32 })?;
                self.put(&[MemorySize(mem)]);
                self.keep(if is_64 { ValType::I64 } else { ValType::I32 })?;
            }
        }
        Ok(())
    }
}
