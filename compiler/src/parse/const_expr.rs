//! Constant expressions: evaluated now if they can be, or kept as a list of operators.

use precast_artifacts_format::{ConstExpr, ConstOp};
use wasmparser::Operator;

use super::Result;
use crate::error::CompileError;
use crate::features::Feature;
use crate::module::Module;

/// Converts an expression, which has been validated.
pub(super) fn const_expr(
    module: &mut Module<'_>,
    expr: &wasmparser::ConstExpr<'_>,
) -> Result<ConstExpr> {
    let mut operators = expr.get_operators_reader();
    let mut ops = Vec::new();
    loop {
        let (operator, offset) = operators.read_with_offset()?;
        let op = match operator {
            Operator::End => break,
            Operator::I32Const { value } => ConstOp::I32(value),
            Operator::I64Const { value } => ConstOp::I64(value),
            Operator::GlobalGet { global_index } => match known_value(module, global_index) {
                Some(ConstExpr::I32(value)) => ConstOp::I32(*value),
                Some(ConstExpr::I64(value)) => ConstOp::I64(*value),
                Some(known) => return Ok(known.clone()),
                None => ConstOp::GlobalGet(global_index),
            },
            Operator::I32Add => ConstOp::I32Add,
            Operator::I32Sub => ConstOp::I32Sub,
            Operator::I32Mul => ConstOp::I32Mul,
            Operator::I64Add => ConstOp::I64Add,
            Operator::I64Sub => ConstOp::I64Sub,
            Operator::I64Mul => ConstOp::I64Mul,
            // The others have no operands, and are none of the ones above.
            Operator::F32Const { value } => return Ok(ConstExpr::F32(value.bits())),
            Operator::F64Const { value } => return Ok(ConstExpr::F64(value.bits())),
            Operator::V128Const { value } => return Ok(ConstExpr::V128(*value.bytes())),
            Operator::RefFunc { function_index } => {
                return Ok(ConstExpr::RefFunc(function_index));
            }
            Operator::RefNull { hty } => {
                return Ok(ConstExpr::RefNull(module.heap_type(hty, offset)?));
            }
            other => {
                let name = super::name_of(&other);
                let feature = format!("the constant expression {name}");
                return Err(CompileError::unsupported(offset, feature));
            }
        };
        ops.push(op);
    }
    if ops.len() > 1 {
        module.features.insert(Feature::ExtendedConst);
    }
    Ok(match (evaluate(&ops), &ops[..]) {
        (Some(known), _) => known,
        (None, [ConstOp::GlobalGet(index)]) => ConstExpr::GlobalGet(*index),
        (None, _) => ConstExpr::Ops(ops.into()),
    })
}

/// The value of a global of the module's own that never changes, if it is known.
fn known_value<'a>(module: &'a Module<'_>, global_index: u32) -> Option<&'a ConstExpr> {
    let defined = global_index.checked_sub(module.imported_globals)?;
    let init = module.global_inits.get(defined as usize)?;
    let changes = module.globals[global_index as usize].mutable;
    let known = !matches!(init, ConstExpr::GlobalGet(_) | ConstExpr::Ops(_));
    (known && !changes).then_some(init)
}

/// The value of operators of which none needs a global.
fn evaluate(ops: &[ConstOp]) -> Option<ConstExpr> {
    let value = ConstOp::evaluate(ops, |_| None)?;
    Some(match ops.last()? {
        ConstOp::I32(_) | ConstOp::I32Add | ConstOp::I32Sub | ConstOp::I32Mul => {
            ConstExpr::I32((value as u32).cast_signed())
        }
        _ => ConstExpr::I64(value.cast_signed()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_work_from_left_to_right_and_wrap() {
        let seven = [ConstOp::I32(3), ConstOp::I32(10), ConstOp::I32Sub];
        assert_eq!(evaluate(&seven), Some(ConstExpr::I32(-7)));
        let wraps = [ConstOp::I64(i64::MAX), ConstOp::I64(2), ConstOp::I64Mul];
        assert_eq!(evaluate(&wraps), Some(ConstExpr::I64(-2)));
        let unknown = [ConstOp::GlobalGet(0), ConstOp::I32(1), ConstOp::I32Add];
        assert_eq!(evaluate(&unknown), None);
    }
}
