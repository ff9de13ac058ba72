//! Segments and constant expressions, at instantiation and for `memory.init` and `table.init`.

use precast_artifacts_format::{ConstExpr, ConstOp, ElementItems, Range32, Section, ValType};

use crate::error::Error;
use crate::instance::Extern;
use crate::module::{Module, damaged};
use crate::store::core::StoreCore;

/// What to copy, in bytes or elements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    /// Where to, from the start of the memory or table.
    pub(crate) destination: u64,
    /// Where from, from the start of the segment.
    pub(crate) source: u64,
    /// How much.
    pub(crate) len: u64,
}

impl Range {
    /// As indices, if they lie within these lengths.
    fn checked(
        self,
        destination_len: usize,
        source_len: usize,
    ) -> Option<(std::ops::Range<usize>, std::ops::Range<usize>)> {
        Some((
            within(self.destination, self.len, destination_len)?,
            within(self.source, self.len, source_len)?,
        ))
    }
}

/// `len` items from `start` on, if they lie within the first `whole`.
pub(crate) fn within(start: u64, len: u64, whole: usize) -> Option<std::ops::Range<usize>> {
    let end = usize::try_from(start.checked_add(len)?).ok()?;
    let start = usize::try_from(start).ok()?;
    (end <= whole).then_some(start..end)
}

/// Copies bytes of a segment into the memory with that number in the store. The error means out of
/// bounds; nothing has been written then.
pub(crate) fn copy_data(
    core: &mut StoreCore,
    module: &Module,
    memory: u32,
    segment: Range32,
    range: Range,
) -> Result<(), ()> {
    let segment = segment.of(module.image().section(Section::Passive));
    let segment = segment.unwrap_or(&[]);
    let memory = core.memories.get_mut(memory as usize).ok_or(())?;
    let (to, from) = range.checked(memory.len(), segment.len()).ok_or(())?;
    memory.write(to.start, segment.get(from).ok_or(())?);
    Ok(())
}

/// Copies items of a segment into the table with that number in the store. The inner error means
/// out of bounds; nothing has been written then. The outer one is that of a damaged artifact.
pub(crate) fn copy_elements(
    core: &mut StoreCore,
    instance: u32,
    module: &Module,
    table: u32,
    items: &ElementItems,
    range: Range,
) -> Result<Result<(), ()>, Error> {
    let Some(table_len) = core.tables.get(table as usize).map(|t| t.elements().len()) else {
        return Ok(Err(()));
    };
    let Some((to, from)) = range.checked(table_len, element_count(items)) else {
        return Ok(Err(()));
    };
    let mut elements = Vec::with_capacity(from.len());
    match items {
        ElementItems::Funcs(range) => {
            for func in module
                .func_indices(*range)
                .skip(from.start)
                .take(from.len())
            {
                elements.push(match func {
                    u32::MAX => 0,
                    func => funcref(core, instance, func)?,
                });
            }
        }
        ElementItems::Exprs(exprs) => {
            for expr in exprs.iter().skip(from.start).take(from.len()) {
                elements.push(evaluate_element(core, instance, expr)?);
            }
        }
    }
    let table = core.tables.get_mut(table as usize);
    let place = table.and_then(|table| table.elements_mut().get_mut(to));
    Ok(place
        .ok_or(())
        .map(|place| place.copy_from_slice(&elements)))
}

/// The number of items in a segment.
pub(crate) fn element_count(items: &ElementItems) -> usize {
    match items {
        ElementItems::Funcs(range) => range.len as usize / 4,
        ElementItems::Exprs(exprs) => exprs.len(),
    }
}

/// The value of a constant expression.
pub(crate) fn evaluate(
    core: &mut StoreCore,
    instance: u32,
    expr: &ConstExpr,
) -> Result<[u8; 16], Error> {
    let number = match *expr {
        ConstExpr::I32(value) => u128::from(value.cast_unsigned()),
        ConstExpr::I64(value) => u128::from(value.cast_unsigned()),
        ConstExpr::F32(bits) => u128::from(bits),
        ConstExpr::F64(bits) => u128::from(bits),
        ConstExpr::V128(bytes) => return Ok(bytes),
        ConstExpr::RefNull(_) => 0,
        ConstExpr::RefFunc(func) => u128::from(funcref(core, instance, func)?),
        ConstExpr::GlobalGet(index) => {
            let global = core.global_of(instance, index);
            let global = global
                .ok_or_else(|| damaged(Section::Manifest, "a constant expression's global"))?;
            return Ok(global.get());
        }
        ConstExpr::Ops(ref ops) => u128::from(evaluate_ops(core, instance, ops)?),
    };
    Ok(number.to_le_bytes())
}

/// The value that operators on integers give, which the artifact's checks have found to fit one
/// another. Integers of 32 bits have zeros above.
fn evaluate_ops(core: &StoreCore, instance: u32, ops: &[ConstOp]) -> Result<u64, Error> {
    let value = ConstOp::evaluate(ops, |index| {
        let global = core.global_of(instance, index)?;
        let value = u128::from_le_bytes(global.get());
        Some(match global.ty().content {
            ValType::I32 => u64::from(value as u32),
            _ => value as u64,
        })
    });
    value.ok_or_else(|| damaged(Section::Manifest, "a constant expression's operators"))
}

/// The same, for an element of a table.
pub(crate) fn evaluate_element(
    core: &mut StoreCore,
    instance: u32,
    expr: &ConstExpr,
) -> Result<u64, Error> {
    Ok(u128::from_le_bytes(evaluate(core, instance, expr)?) as u64)
}

/// The same, for the offset of a segment: an `i32` or `i64` that counts as unsigned.
pub(crate) fn evaluate_offset(
    core: &mut StoreCore,
    instance: u32,
    expr: &ConstExpr,
) -> Result<u64, Error> {
    let value = u128::from_le_bytes(evaluate(core, instance, expr)?);
    Ok(value as u64)
}

/// The address of a funcref for a function of the instance's: its own if the function escapes,
/// else (for an import) the store's.
fn funcref(core: &mut StoreCore, instance: u32, func: u32) -> Result<u64, Error> {
    let data = &core.instances[instance as usize];
    if let Some(place) = data.module.funcref_index(func) {
        return Ok(data.vmctx.funcref_address(place));
    }
    let index = precast_artifacts_format::ExternIndex::Func(func);
    match core.extern_of(instance, index) {
        Some(Extern::Func(func)) => Ok(core.funcref_of(func)),
        _ => Err(damaged(Section::Elements, "a function index")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_within_both_ends_or_refused() {
        let check = |destination, source, len, expected: bool| {
            let range = Range {
                destination,
                source,
                len,
            };
            assert_eq!(range.checked(10, 4).is_some(), expected, "{range:?}");
        };
        check(6, 0, 4, true);
        check(10, 4, 0, true);
        check(11, 0, 0, false);
        check(0, 5, 0, false);
        check(7, 0, 4, false);
        check(0, 1, 4, false);
        check(u64::MAX, 0, 2, false);
        check(0, u64::MAX, 2, false);
        check(0, 0, u64::MAX, false);
    }
}
