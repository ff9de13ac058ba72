//! What loader and generated code share, owned by the loader.
//!
//! Generated code reaches all of this by address, so that nothing in here may move, and none of
//! it is ever borrowed while guest code may run: values are read and written one by one, each in
//! its [`place`].

pub(crate) mod global;
pub(crate) mod layout;
pub(crate) mod memory;
pub(crate) mod parking;
pub(crate) mod place;
pub(crate) mod shared;
pub(crate) mod shelf;
pub(crate) mod source;
pub(crate) mod space;
pub(crate) mod table;
pub(crate) mod vmctx;
