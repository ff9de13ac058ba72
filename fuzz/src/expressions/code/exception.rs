//! Exceptions: thrown if something is so, and caught in all the ways there are.

use std::borrow::Cow;

use arbitrary::Result;
use wasm_encoder::Instruction::*;
use wasm_encoder::{BlockType, Catch, RefType, ValType};

use super::Body;

impl Body<'_, '_, '_> {
    /// Throws, if something is so, which it is the less often the more bits the mask has.
    pub(super) fn throw(&mut self, mask: i32) -> Result<()> {
        self.expression(ValType::I32, 2)?;
        self.put(&[I32Const(mask), I32And, I32Eqz, If(BlockType::Empty)]);
        let tag = self.u.choose_index(self.world.tags.len())?;
        for &ty in &self.world.tags[tag] {
            self.expression(ty, 1)?;
        }
        self.save();
        self.put(&[Throw(tag as u32), End]);
        Ok(())
    }

    /// Statements whose exceptions of one tag, or all, are caught.
    pub(super) fn catch(&mut self) -> Result<()> {
        let world = self.world;
        let tag = self.u.choose_index(world.tags.len())?;
        let (with_ref, all) = (self.u.arbitrary()?, self.u.arbitrary()?);
        let all_with_ref = all && self.u.arbitrary()?;
        let [_, carried, carried_with_ref] = world.tag_types(tag);
        let exception = BlockType::Result(ValType::Ref(RefType::EXNREF));
        self.put(&[
            Block(BlockType::Empty),
            Block(if all_with_ref {
                exception
            } else {
                BlockType::Empty
            }),
            Block(BlockType::FunctionType(if with_ref {
                carried_with_ref
            } else {
                carried
            })),
        ]);
        let catch_one = match (tag as u32, 0) {
            (tag, label) if with_ref => Catch::OneRef { tag, label },
            (tag, label) => Catch::One { tag, label },
        };
        let mut catches = vec![catch_one];
        if all {
            let label = 1;
            catches.push(if all_with_ref {
                Catch::AllRef { label }
            } else {
                Catch::All { label }
            });
        }
        self.put(&[TryTable(BlockType::Empty, Cow::Owned(catches))]);
        self.catching += 1;
        self.statements()?;
        if self.u.ratio(3, 4)? {
            let mask = *self.u.choose(&[0, 1, 3])?;
            self.throw(mask)?;
        }
        self.catching -= 1;
        self.put(&[End, Br(2), End]);
        if with_ref {
            self.exception()?;
        }
        for &ty in world.tags[tag].iter().rev() {
            self.keep(ty)?;
        }
        self.mark(1);
        self.put(&[Br(1), End]);
        if all_with_ref {
            self.exception()?;
        }
        if all {
            self.mark(2);
        }
        self.put(&[End]);
        Ok(())
    }

    /// Looks at the exception that is referred to, or throws it again.
    fn exception(&mut self) -> Result<()> {
        if self.reckless && self.u.ratio(1, 3)? {
            self.save();
            self.put(&[ThrowRef]);
        } else {
            self.put(&[RefIsNull]);
            self.keep(ValType::I32)?;
        }
        Ok(())
    }
}
