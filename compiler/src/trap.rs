//! Trap codes: ours and the code generator's.

use cranelift_codegen::ir::TrapCode as Clif;
use precast_artifacts_format::TrapCode;

/// Cranelift's trap code for one of ours: our number, or Cranelift's own code where it has one.
pub(crate) fn clif_trap(code: TrapCode) -> Clif {
    match code {
        TrapCode::MemoryOutOfBounds => Clif::HEAP_OUT_OF_BOUNDS,
        TrapCode::StackOverflow => Clif::STACK_OVERFLOW,
        TrapCode::IntegerOverflow => Clif::INTEGER_OVERFLOW,
        TrapCode::IntegerDivideByZero => Clif::INTEGER_DIVISION_BY_ZERO,
        TrapCode::InvalidConversionToInteger => Clif::BAD_CONVERSION_TO_INTEGER,
        other => Clif::unwrap_user(other as u8),
    }
}

/// Our trap code for one that the code generator recorded.
pub(crate) fn trap_code(clif: Clif) -> Option<TrapCode> {
    TrapCode::ALL
        .iter()
        .copied()
        .find(|&code| clif_trap(code) == clif)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_code_generator() {
        for &code in TrapCode::ALL {
            assert_eq!(trap_code(clif_trap(code)), Some(code));
        }
    }
}
