//! What a process has of the system's, to the byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// Address space and open files.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InUse {
    /// How many bytes are mapped, by protection and what they are of. The kernel shows neighbours
    /// that are alike as one mapping, so that their number says nothing.
    mapped: BTreeMap<String, usize>,
    files: BTreeMap<PathBuf, PathBuf>,
}

impl InUse {
    pub(crate) fn now() -> Self {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("the system says");
        let mut mapped = BTreeMap::new();
        for line in maps.lines() {
            // Addresses, protection, offset, device, inode, name.
            let mut words = line.split_whitespace();
            let addresses = words.next().and_then(|word| word.split_once('-'));
            let (start, end) = addresses.expect("a range of addresses");
            let address = |digits| usize::from_str_radix(digits, 16).expect("an address");
            let protection = words.next().expect("a protection");
            let name = words.nth(3).unwrap_or("anonymous");
            // They grow when they like.
            let is_ours = name != "[heap]" && name != "[stack]";
            if is_ours && (name != "anonymous" || KEPT_APART.load(Ordering::Relaxed)) {
                let bytes = address(end) - address(start);
                *mapped.entry(format!("{protection} {name}")).or_default() += bytes;
            }
        }
        let files = std::fs::read_dir("/proc/self/fd").expect("the system says");
        let files = files.filter_map(|file| {
            let path = file.ok()?.path();
            // That by which this list is read is gone.
            let of = std::fs::read_link(&path).ok()?;
            (!of.ends_with("fd")).then_some((path, of))
        });
        Self {
            mapped,
            files: files.collect(),
        }
    }

    /// Fails if it is not what it was.
    #[track_caller]
    pub(crate) fn check_is(&self, before: &Self, after: &dyn Debug) {
        if self != before {
            let all = |of: &Self| {
                let mapped = of.mapped.iter().map(|entry| format!("{entry:?}"));
                let files = of.files.iter().map(|entry| format!("{entry:?}"));
                mapped.chain(files).collect::<BTreeSet<_>>()
            };
            let (now, before) = (all(self), all(before));
            panic!(
                "in use before: {:#?}\nand after {after:?}: {:#?}",
                before.difference(&now).collect::<Vec<_>>(),
                now.difference(&before).collect::<Vec<_>>(),
            );
        }
    }
}

/// How many threads there are.
pub(crate) fn threads() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").expect("the system says");
    threads.count()
}

/// Has the allocator keep to the heap that [`InUse`] leaves out. A sanitizer's does not do that, and
/// what has no name is not counted then.
pub(crate) fn keep_allocations_apart() {
    // SAFETY: sets parameters of the allocator's.
    let kept = unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0) == 1 && libc::mallopt(libc::M_ARENA_MAX, 1) == 1
    };
    KEPT_APART.store(kept, Ordering::Relaxed);
}

static KEPT_APART: AtomicBool = AtomicBool::new(false);
