//! What embedding costs, step by step; beside it, in the same run, what it costs with wasmtime:
//!
//! ```text
//! cargo bench -p precast-tests --features bench --bench embedding
//! cargo bench -p precast-tests --features peers --bench embedding
//! ```
//!
//! Artifacts that take long to make are kept in the target folder and made again when they are
//! older than this program. Criterion takes a filter: `-- load`.

use std::error::Error;
use std::time::{Duration, Instant};

use criterion::{Bencher, Criterion};

mod guests;
mod precast;
#[cfg(feature = "peers")]
mod wasmtime;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
        .configure_from_args();
    precast::bench(&mut criterion)?;
    #[cfg(feature = "peers")]
    wasmtime::bench(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

/// One size of module to load.
pub(crate) const SIZES: [(&str, usize); 3] = [("small", 1), ("3 MB", 3 << 20), ("40 MB", 40 << 20)];

/// Calls from guest to host, or between guests, in one measured call.
pub(crate) const CALLS: u32 = 1_000;

/// How many stores are made before they are dropped.
const BATCH: u64 = 64;

/// Measures `make`, without the dropping of what it makes.
pub(crate) fn making<S>(bencher: &mut Bencher<'_>, mut make: impl FnMut() -> S) {
    bencher.iter_custom(|times| {
        in_batches(times, |batch| {
            let start = Instant::now();
            let made: Vec<S> = (0..batch).map(|_| make()).collect();
            let taken = start.elapsed();
            drop(made);
            taken
        })
    });
}

/// Measures the dropping of what `make` makes.
pub(crate) fn dropping<S>(bencher: &mut Bencher<'_>, mut make: impl FnMut() -> S) {
    bencher.iter_custom(|times| {
        in_batches(times, |batch| {
            let made: Vec<S> = (0..batch).map(|_| make()).collect();
            let start = Instant::now();
            drop(made);
            start.elapsed()
        })
    });
}

fn in_batches(times: u64, mut batch: impl FnMut(u64) -> Duration) -> Duration {
    let whole = (0..times / BATCH).map(|_| BATCH);
    let rest = (!times.is_multiple_of(BATCH)).then_some(times % BATCH);
    whole.chain(rest).map(&mut batch).sum()
}
