//! A global, wherever it is: inside a vmctx, or on its own.

use precast_artifacts_format::GlobalType;
use precast_artifacts_format::abi::VmGlobal;

use super::place::Place;

/// Where a global is, and its type. A clone is the same global.
#[derive(Debug, Clone)]
pub(crate) struct GlobalCell {
    place: Place<VmGlobal>,
    ty: GlobalType,
}

impl GlobalCell {
    /// The global at `place`.
    pub(crate) fn new(place: Place<VmGlobal>, ty: GlobalType) -> Self {
        Self { place, ty }
    }

    /// Where it is.
    pub(crate) fn place(&self) -> &Place<VmGlobal> {
        &self.place
    }

    /// Its type.
    pub(crate) fn ty(&self) -> GlobalType {
        self.ty
    }

    /// Its value.
    pub(crate) fn get(&self) -> [u8; 16] {
        self.place.read().0
    }

    /// Sets its value.
    pub(crate) fn set(&mut self, value: [u8; 16]) {
        self.place.write(VmGlobal(value));
    }
}
