//! Maps precast artifacts and runs them.
//!
//! An artifact is WebAssembly that has been compiled ahead of time. This crate maps it, links it
//! with functions of the host's, and calls into it. It contains no compiler, reads no WebAssembly,
//! prints nothing and never ends the process; its only dependencies are the format's definition
//! and the C library, and for the feature `dwarf` a reader of DWARF.
//!
//! ```
//! # example::enter_folder();
//! use precast_loader::{Engine, Linker, Module, Store};
//!
//! let engine = Engine::default();
//! // SAFETY: app.precast was written by our own build.
//! let module = unsafe { Module::load(&engine, "app.precast")? };
//! let mut linker = Linker::new(&engine);
//! linker.func("env", "add", |a: i32, b: i32| a + b)?;
//! let mut store = Store::new(&engine, ());
//! let instance = linker.instantiate(&mut store, &module)?;
//! let run = instance.typed_func::<(i32, i32), i32>(&mut store, "run")?;
//! assert_eq!(run.call(&mut store, (1, 2))?, 3);
//! # Ok::<(), precast_loader::Error>(())
//! ```
//!
//! A [`Module`] is code and can be shared between threads; a [`Store`] is what running it needs,
//! and belongs to one thread at a time. Everything in a store is reached by small handles that can
//! be copied, together with the store.
//!
//! Loading is `unsafe`, because an artifact is machine code; after that nothing is, and neither is
//! [opening](Module::open) an [`Artifact`] to look at it, whatever its bytes. What a guest
//! does wrong is an [`Error::Trap`], found by the hardware: loading the first module installs
//! handlers for SIGSEGV, SIGBUS, SIGILL and SIGFPE, which pass on what is not a guest's.
//!
//! The feature `dwarf`, on by default, has backtraces say where in the guest's source they are; see
//! [`Frame::symbols`].
//!
//! Start reading at `module.rs`, `instantiate.rs` and `activation.rs`; `sys` holds what depends on
//! the machine.

#![deny(unsafe_code)]

mod activation;
mod allocator;
mod artifact;
mod backtrace;
mod bounds;
mod call;
mod caller;
mod engine;
mod error;
mod exception;
mod extern_ref;
mod extern_type;
mod fault;
mod fuel;
mod func;
mod global;
mod host_func;
mod include;
mod instance;
mod instantiate;
mod interrupt;
mod limits;
mod linker;
mod listener;
mod memory;
mod module;
mod pool;
mod runtime;
mod segments;
mod shared_memory;
mod store;
mod sys;
mod table;
mod tag;
mod trap;
mod typed_func;
mod val;
mod vm;
mod wasm_ty;

pub use precast_artifacts_format::{
    Arch, ArtifactError, CpuFeature, CpuFeatures, Difference, FuncType, GlobalType, HeapType,
    Hierarchy, Host, MemoryType, Note, Os, RefType, Section, SectionDigest, TableType, Target,
    TrapCode, Tunables, ValType, WASM_PAGE_BYTES,
};

pub use allocator::{AllocatedMemory, MemoryAllocator, MemoryRequest};
pub use artifact::Artifact;
pub use backtrace::{Backtrace, Frame, FrameSymbol};
pub use caller::Caller;
pub use engine::{Config, Engine};
pub use error::{
    Error, HostError, IoError, LimitError, LinkError, MismatchedImport, MissingImport, UsageError,
};
pub use exception::{Exception, ExnRef};
pub use extern_ref::ExternRef;
pub use extern_type::ExternType;
pub use func::Func;
pub use global::Global;
pub use host_func::IntoHostFunc;
pub use include::attached_bytes;
pub use instance::{Extern, Instance};
pub use interrupt::InterruptHandle;
pub use limits::Limits;
pub use linker::{Linker, Prepared};
pub use listener::{Call, Listener};
pub use memory::{Memory, MemoryTy};
pub use module::Module;
pub use pool::{Pool, PoolConfig};
pub use shared_memory::{AtomicTy, SharedMemory, WaitResult};
pub use store::{AsStore, AsStoreMut, Store, StoreMut, StoreRef};
pub use table::Table;
pub use tag::Tag;
pub use trap::Trap;
pub use typed_func::TypedFunc;
pub use val::Val;
pub use wasm_ty::{HostReturn, WasmList, WasmParams, WasmResults, WasmTy};
