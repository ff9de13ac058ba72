//! The runtime symbols: what generated code calls in the loader.
//!
//! One match over all of them: a symbol that has no function here does not compile. Generated code
//! calls the functions in `entry`, which go on to those that do the work. Nothing may panic here,
//! since there are guest frames above; so nothing is indexed in this folder, and what cannot be is
//! answered as "out of bounds". Panics of the host's, of a listener or an allocator, are caught.

use precast_artifacts_format::RuntimeSymbol;

mod atomic;
mod entry;
mod float;
mod memory;
mod shuffle;
mod table;

/// The address of the function behind a symbol; `None` if there is none on this machine.
pub(crate) fn address(symbol: RuntimeSymbol) -> Option<u64> {
    let function: *const () = match symbol {
        RuntimeSymbol::Raise => entry::raise as *const (),
        RuntimeSymbol::Throw => entry::throw as *const (),
        RuntimeSymbol::ThrowRef => entry::throw_ref as *const (),
        RuntimeSymbol::MemoryGrow => entry::memory_grow as *const (),
        RuntimeSymbol::MemoryCopy => entry::memory_copy as *const (),
        RuntimeSymbol::MemoryFill => entry::memory_fill as *const (),
        RuntimeSymbol::MemoryInit => entry::memory_init as *const (),
        RuntimeSymbol::DataDrop => entry::data_drop as *const (),
        RuntimeSymbol::TableGrow => entry::table_grow as *const (),
        RuntimeSymbol::TableCopy => entry::table_copy as *const (),
        RuntimeSymbol::TableFill => entry::table_fill as *const (),
        RuntimeSymbol::TableInit => entry::table_init as *const (),
        RuntimeSymbol::ElemDrop => entry::elem_drop as *const (),
        RuntimeSymbol::FuncEnter => entry::func_enter as *const (),
        RuntimeSymbol::FuncLeave => entry::func_leave as *const (),
        RuntimeSymbol::CheckSubtype => entry::check_subtype as *const (),
        RuntimeSymbol::CeilF32 => float::ceil_f32 as *const (),
        RuntimeSymbol::CeilF64 => float::ceil_f64 as *const (),
        RuntimeSymbol::FloorF32 => float::floor_f32 as *const (),
        RuntimeSymbol::FloorF64 => float::floor_f64 as *const (),
        RuntimeSymbol::TruncF32 => float::trunc_f32 as *const (),
        RuntimeSymbol::TruncF64 => float::trunc_f64 as *const (),
        RuntimeSymbol::NearestF32 => float::nearest_f32 as *const (),
        RuntimeSymbol::NearestF64 => float::nearest_f64 as *const (),
        RuntimeSymbol::X86Pshufb => shuffle::pshufb()?,
        RuntimeSymbol::AtomicNotify => entry::atomic_notify as *const (),
        RuntimeSymbol::AtomicWait32 => entry::atomic_wait32 as *const (),
        RuntimeSymbol::AtomicWait64 => entry::atomic_wait64 as *const (),
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
