//! Linear memories that the host provides.
#![allow(
    unsafe_code,
    reason = "generated code relies on what a host's allocator promises"
)]

use std::fmt::Debug;
use std::io;
use std::ptr::NonNull;

/// Makes linear memories in place of the loader; set by
/// [`Config::memory_allocator`](crate::Config::memory_allocator). For hosts that must know where
/// guests' memories are: in huge pages, in memory shared with a device, in an accounting of their
/// own.
///
/// Every memory of the engine's stores comes from it, except those of stores in a
/// [`Pool`](crate::Pool). A module's initial contents are copied into such memories, not mapped.
///
/// # Safety
///
/// Generated code accesses these memories without asking again. Implementors promise that what
/// [`allocate`](Self::allocate) returns for a request keeps the promises of [`AllocatedMemory`].
///
/// A memory for code with explicit checks (compiled with `--memory checked`) may be any memory:
///
/// ```
/// use std::io;
/// use std::ptr::NonNull;
/// use std::sync::Arc;
/// use precast_loader::{AllocatedMemory, Config, Engine, MemoryAllocator, MemoryRequest};
///
/// /// Memories on the heap that cannot grow.
/// #[derive(Debug)]
/// struct OnTheHeap;
///
/// // SAFETY: see `Fixed`.
/// unsafe impl MemoryAllocator for OnTheHeap {
///     fn allocate(&self, request: &MemoryRequest) -> io::Result<Box<dyn AllocatedMemory>> {
///         if request.guard_bytes > 0 {
///             return Err(io::Error::other("compile with `--memory checked`"));
///         }
///         let pages = vec![Page([0; 65_536]); (request.minimum_bytes / 65_536) as usize];
///         Ok(Box::new(Fixed(NonNull::from(Box::leak(pages.into_boxed_slice())))))
///     }
/// }
///
/// #[derive(Clone)]
/// #[repr(align(65536))]
/// struct Page([u8; 65_536]);
///
/// #[derive(Debug)]
/// struct Fixed(NonNull<[Page]>);
///
/// // SAFETY: the pages belong to the value alone.
/// unsafe impl Send for Fixed {}
/// // SAFETY: `&Fixed` tells an address.
/// unsafe impl Sync for Fixed {}
///
/// // SAFETY: `minimum_bytes` of zeros from the base on are there, aligned, until the value is
/// // dropped; there are never more of them; and the code checks.
/// unsafe impl AllocatedMemory for Fixed {
///     fn base(&self) -> NonNull<u8> {
///         self.0.cast()
///     }
///
///     fn grow_to(&mut self, _length_bytes: u64) -> io::Result<()> {
///         Err(io::ErrorKind::OutOfMemory.into())
///     }
/// }
///
/// impl Drop for Fixed {
///     fn drop(&mut self) {
///         // SAFETY: it was leaked from such a box.
///         drop(unsafe { Box::from_raw(self.0.as_ptr()) });
///     }
/// }
///
/// let engine = Engine::new(Config::new().memory_allocator(Arc::new(OnTheHeap)));
/// ```
pub unsafe trait MemoryAllocator: Debug + Send + Sync {
    /// Makes a memory. It is released by dropping the box.
    ///
    /// # Errors
    ///
    /// Whatever it fails with; instantiation then fails with [`Error::Io`](crate::Error::Io).
    fn allocate(&self, request: &MemoryRequest) -> io::Result<Box<dyn AllocatedMemory>>;
}

/// What a memory is wanted for.
///
/// ```
/// use precast_loader::MemoryRequest;
///
/// fn address_space(request: &MemoryRequest) -> Option<u64> {
///     let own = request.reserve_bytes.max(request.minimum_bytes);
///     own.checked_add(request.guard_bytes)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryRequest {
    /// Its length at the start, in bytes: a multiple of 64 KiB, maybe 0. Where the guest's pages
    /// are smaller, it is what they need, rounded up.
    pub minimum_bytes: u64,
    /// The length beyond which it is never asked to grow, in bytes. More than 4 GiB only if the
    /// guest's addresses have 64 bits.
    pub maximum_bytes: u64,
    /// Address space that must be its own, from its base on, in bytes. 0 if the code checks its
    /// accesses itself: it was compiled to do so, or the memory has 64-bit addresses or pages of
    /// another size. The memory may then move when it grows. Of a shared memory, which may not, it
    /// is no less than its maximum.
    pub reserve_bytes: u64,
    /// Address space behind that which nothing may be accessible in, in bytes.
    pub guard_bytes: u64,
}

/// A memory of a [`MemoryAllocator`]'s; see there for one that is implemented.
///
/// ```
/// use std::io;
/// use precast_loader::AllocatedMemory;
///
/// /// As the loader does it.
/// fn grow(memory: &mut dyn AllocatedMemory, to_pages: u64) -> io::Result<*mut u8> {
///     memory.grow_to(to_pages * 65_536)?;
///     Ok(memory.base().as_ptr())
/// }
/// ```
///
/// # Safety
///
/// As long as the value lives, and for the request that it was made for:
///
/// - From [`base`](Self::base) on, as many bytes as the memory is long can be read and written,
///   and nothing but the memory's users does so. Its length is `minimum_bytes` at first, and what
///   [`grow_to`](Self::grow_to) has last succeeded with from then on.
/// - Every byte is zero when it first becomes part of the memory, whoever has used it before.
/// - The base is a multiple of the system's page. It changes in `grow_to` alone, and only if
///   `reserve_bytes` is 0; then the contents move along.
/// - If `reserve_bytes` is not 0: so many bytes from the base on, and `guard_bytes` after them,
///   belong to the memory, and an access to any of them beyond its length raises SIGSEGV or
///   SIGBUS.
pub unsafe trait AllocatedMemory: Debug + Send + Sync {
    /// Address of byte 0.
    fn base(&self) -> NonNull<u8>;

    /// Makes the memory longer, while other threads may use it if it is shared: `length_bytes` is a multiple of 64 KiB, more than its length and
    /// no more than its maximum.
    ///
    /// # Errors
    ///
    /// Whatever it fails with; the memory is as before then, and `memory.grow` gives -1. So it must
    /// be after a panic, which ends the guest like one of a host function.
    fn grow_to(&mut self, length_bytes: u64) -> io::Result<()>;
}
