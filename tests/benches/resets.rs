//! Ways to clean a memory after use: `cargo bench -p precast-tests --bench resets`.
//!
//! No code of the loader's: the system calls alone, each time on a memory of 16 MiB of which some
//! pages are written first. Prints the median of several rounds, for writing and cleaning together,
//! because a page that has been given back costs again when it is next written.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::time::Instant;

const PAGE: usize = 4096;
const MEMORY_BYTES: usize = 16 << 20;
const IMAGE_BYTES: usize = 64 << 10;
const ROUNDS: usize = 21;

fn main() -> std::io::Result<()> {
    let image = image()?;
    for file in [None, Some(&image)] {
        let memory = Memory::new(file)?;
        let what = file.map_or("zeros", |_| "an image of 64 KiB");
        for pages in [0, 1, 4, 16, 256, 4096] {
            let times = (10_000 / (pages + 1)).max(5);
            measure(
                &format!("{pages} pages of {what}: given back"),
                times,
                || {
                    memory.write(pages);
                    memory.give_back();
                },
            );
            measure(
                &format!("{pages} pages of {what}: mapped anew"),
                times,
                || {
                    memory.write(pages);
                    memory.map(file).expect("it is mapped");
                },
            );
            if pages <= 16 && file.is_none() {
                measure(
                    &format!("{pages} pages of {what}: 64 KiB zeroed"),
                    times,
                    || {
                        memory.write(pages);
                        memory.zero(64 << 10);
                    },
                );
            }
        }
    }
    Ok(())
}

/// Prints the median per single step.
fn measure(what: &str, times: usize, mut step: impl FnMut()) {
    let mut nanoseconds: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..times).for_each(|_| step());
            start.elapsed().as_nanos() / times as u128
        })
        .collect();
    nanoseconds.sort_unstable();
    println!("{:>9} ns  {what}", nanoseconds[ROUNDS / 2]);
}

fn image() -> std::io::Result<File> {
    // SAFETY: the name is a C string; the descriptor is new and nobody else's.
    let mut file = unsafe {
        let fd = libc::memfd_create(c"image".as_ptr(), libc::MFD_CLOEXEC);
        assert!(fd >= 0, "{}", std::io::Error::last_os_error());
        File::from_raw_fd(fd)
    };
    file.write_all(&[7; IMAGE_BYTES])?;
    Ok(file)
}

/// 16 MiB, never unmapped.
struct Memory {
    start: *mut u8,
}

impl Memory {
    fn new(image: Option<&File>) -> std::io::Result<Self> {
        let memory = Self {
            start: map(std::ptr::null_mut(), MEMORY_BYTES, None)?,
        };
        memory.map(image)?;
        Ok(memory)
    }

    /// Zeros, and the image in front of them.
    fn map(&self, image: Option<&File>) -> std::io::Result<()> {
        map(self.start, MEMORY_BYTES, None)?;
        if image.is_some() {
            map(self.start, IMAGE_BYTES, image)?;
        }
        Ok(())
    }

    fn give_back(&self) {
        // SAFETY: the range is this memory's, which nobody borrows.
        let status = unsafe { libc::madvise(self.start.cast(), MEMORY_BYTES, libc::MADV_DONTNEED) };
        assert_eq!(status, 0);
    }

    fn write(&self, pages: usize) {
        for page in 0..pages {
            // SAFETY: so many pages are mapped.
            unsafe { self.start.add(page * PAGE).write_volatile(1) };
        }
    }

    fn zero(&self, bytes: usize) {
        // Who knows who reads it.
        let start = std::hint::black_box(self.start);
        // SAFETY: so many bytes are mapped.
        unsafe { start.write_bytes(0, bytes) };
    }
}

fn map(at: *mut u8, bytes: usize, file: Option<&File>) -> std::io::Result<*mut u8> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let fixed = if at.is_null() { 0 } else { libc::MAP_FIXED };
    let kind = file.map_or(libc::MAP_ANONYMOUS, |_| 0);
    let flags = libc::MAP_PRIVATE | libc::MAP_NORESERVE | fixed | kind;
    let fd = file.map_or(-1, |file| file.as_raw_fd());
    // SAFETY: what is replaced, if anything, is a memory of this program's that nobody borrows.
    let start = unsafe { libc::mmap(at.cast(), bytes, protection, flags, fd, 0) };
    if start == libc::MAP_FAILED {
        return Err(std::io::Error::last_os_error());
    }
    Ok(start.cast())
}
