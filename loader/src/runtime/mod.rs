//! The runtime symbols: what generated code calls in the loader.
//!
//! One match over all of them: a symbol that has no function here does not compile. The functions
//! are `extern "C"` and must not panic, since there are guest frames above them; so nothing is
//! indexed in this folder, and what cannot be is answered as "out of bounds".

use precast_artifacts_format::RuntimeSymbol;

mod float;
mod memory;
mod raise;
mod shuffle;
mod table;
mod vmctx;

/// The address of the function behind a symbol; `None` if there is none on this machine.
pub(crate) fn address(symbol: RuntimeSymbol) -> Option<u64> {
    let function: *const () = match symbol {
        RuntimeSymbol::Raise => raise::raise as *const (),
        RuntimeSymbol::MemoryGrow => memory::grow as *const (),
        RuntimeSymbol::MemoryCopy => memory::copy as *const (),
        RuntimeSymbol::MemoryFill => memory::fill as *const (),
        RuntimeSymbol::MemoryInit => memory::init as *const (),
        RuntimeSymbol::DataDrop => memory::data_drop as *const (),
        RuntimeSymbol::TableGrow => table::grow as *const (),
        RuntimeSymbol::TableCopy => table::copy as *const (),
        RuntimeSymbol::TableFill => table::fill as *const (),
        RuntimeSymbol::TableInit => table::init as *const (),
        RuntimeSymbol::ElemDrop => table::elem_drop as *const (),
        RuntimeSymbol::CeilF32 => float::ceil_f32 as *const (),
        RuntimeSymbol::CeilF64 => float::ceil_f64 as *const (),
        RuntimeSymbol::FloorF32 => float::floor_f32 as *const (),
        RuntimeSymbol::FloorF64 => float::floor_f64 as *const (),
        RuntimeSymbol::TruncF32 => float::trunc_f32 as *const (),
        RuntimeSymbol::TruncF64 => float::trunc_f64 as *const (),
        RuntimeSymbol::NearestF32 => float::nearest_f32 as *const (),
        RuntimeSymbol::NearestF64 => float::nearest_f64 as *const (),
        RuntimeSymbol::X86Pshufb => shuffle::pshufb()?,
    };
    Some(function.expose_provenance() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_has_a_function_of_its_own() {
        let mut addresses: Vec<_> = RuntimeSymbol::ALL
            .iter()
            .filter_map(|&symbol| address(symbol))
            .collect();
        let found = addresses.len();
        assert!(found >= RuntimeSymbol::ALL.len() - 1);
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), found);
    }
}
