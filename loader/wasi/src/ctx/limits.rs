//! How much one program may ask for.

/// The most that one program may ask for. Each is a bound of what the host spends on it.
///
/// ```
/// use precast_wasi::{Limits, WasiCtx};
///
/// let mut limits = Limits::default();
/// limits.descriptors = 64;
/// let ctx = WasiCtx::builder().limits(limits).build()?;
/// # Ok::<(), precast_wasi::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Descriptors open at once, those given at the start among them; then [`Errno::Mfile`](crate::Errno::Mfile).
    /// 4096 by default; the limit of the host's process often comes first.
    pub descriptors: u32,
    /// Subscriptions of one `poll_oneoff`; then [`Errno::Inval`](crate::Errno::Inval). Each takes some 150 bytes while
    /// the call lasts. 16,384 by default.
    pub subscriptions: u32,
    /// Bytes of one `random_get`; then [`Errno::Inval`](crate::Errno::Inval). The call cannot be interrupted, and hosts
    /// make some hundred MiB a second. 256 MiB by default.
    pub random_bytes: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            descriptors: 4096,
            subscriptions: 16_384,
            random_bytes: 256 << 20,
        }
    }
}
