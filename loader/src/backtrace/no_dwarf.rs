//! What stands for `dwarf.rs` if DWARF is not to be read.

use std::borrow::Cow;

use precast_artifacts_format::CustomSections;

use super::FrameSymbol;

/// What is known of a module's DWARF: nothing.
#[derive(Debug, Default)]
pub(crate) struct DebugInfo(());

impl DebugInfo {
    pub(crate) fn symbols(&self, _: CustomSections<'_>, _: u32) -> Vec<FrameSymbol> {
        Vec::new()
    }
}

/// The name as it is: it takes a library to demangle it.
pub(super) fn demangled(name: &str) -> Cow<'_, str> {
    Cow::Borrowed(name)
}
