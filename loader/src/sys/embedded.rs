//! Where in a file the program's own constants are, and what was put there.
#![allow(unsafe_code, reason = "the dynamic linker tells what is mapped where")]

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::mmap::page_bytes;

/// The file that `bytes` have been mapped from, and where in it they start, in bytes. `None` if
/// they are no constants of the program or a library, or do not start on a page.
///
/// A library's file may have been replaced since. So the first `compared` bytes are looked at, which
/// must be such that the others follow from them.
pub(crate) fn file_of(bytes: &'static [u8], compared: usize) -> Option<(File, u64)> {
    let mut search = Search {
        start: bytes.as_ptr().addr() as u64,
        len: bytes.len() as u64,
        found: None,
    };
    // SAFETY: the function is called with the search, which nobody else uses, while this waits.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    let (path, offset) = search.found?;
    if !offset.is_multiple_of(page_bytes() as u64) {
        return None;
    }
    let file = match path.as_os_str() == OWN_FILE {
        true => open_own().ok()?,
        false => File::open(path).ok()?,
    };
    let expected = bytes.get(..compared).unwrap_or(bytes);
    let mut found = vec![0; expected.len()];
    file.read_exact_at(&mut found, offset).ok()?;
    (found == expected).then_some((file, offset))
}

struct Search {
    start: u64,
    len: u64,
    found: Option<(PathBuf, u64)>,
}

/// The program itself, even if its file has been replaced. Not there if `/proc` is not.
const OWN_FILE: &str = "/proc/self/exe";

/// The program's file, opened by who looked at a segment of it, for who maps that next: finding it
/// takes longer than mapping it.
static OPENED: Mutex<Option<File>> = Mutex::new(None);

fn open_own() -> io::Result<File> {
    let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner).take();
    opened.map_or_else(|| File::open(OWN_FILE), Ok)
}

/// A segment of the program that nobody writes to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    start: *const u8,
    len: usize,
    /// Where it is in the program's file, in bytes.
    pub(crate) file_offset: u64,
}

impl Segment {
    /// Whether the program's file is long enough, as far as that can be told. What lies beyond the
    /// end of a file is mapped too, and ends the process when it is read.
    pub(crate) fn is_whole(&self) -> bool {
        let Ok(file) = open_own() else {
            return true;
        };
        let Ok(metadata) = file.metadata() else {
            return true;
        };
        *OPENED.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        let end = self.file_offset.checked_add(self.len as u64);
        end.is_some_and(|end| end <= metadata.len())
    }

    /// What is in it; there must be that much in the file.
    pub(crate) fn bytes(&self) -> &'static [u8] {
        // SAFETY: the system has mapped the segment, so that it can be read and not be written, for
        // as long as the program runs.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

/// The program's segment with the highest address, if it can only be read.
pub(crate) fn last_segment() -> Option<Segment> {
    let mut found = None;
    // SAFETY: the function is called with `found`, which nobody else uses, while this waits.
    unsafe { libc::dl_iterate_phdr(Some(visit_program), (&raw mut found).cast()) };
    found
}

/// Looks at what comes first, which is the program.
unsafe extern "C" fn visit_program(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    found: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the dynamic linker hands its own description, and what `last_segment` has given it.
    let (info, found) = unsafe { (&*info, &mut *found.cast::<Option<Segment>>()) };
    if info.dlpi_phdr.is_null() {
        return 1;
    }
    // SAFETY: so many headers stand there, as long as the program runs.
    let headers =
        unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let loaded = headers.iter().filter(|h| h.p_type == libc::PT_LOAD);
    *found = loaded
        .max_by_key(|header| header.p_vaddr)
        .filter(|last| last.p_flags == libc::PF_R && last.p_filesz == last.p_memsz)
        .and_then(|last| {
            let address = info.dlpi_addr.wrapping_add(last.p_vaddr);
            Some(Segment {
                start: std::ptr::with_exposed_provenance(usize::try_from(address).ok()?),
                len: usize::try_from(last.p_filesz).ok()?,
                file_offset: last.p_offset,
            })
        });
    1
}

/// Looks at one program or library. Not 0 to end the search.
unsafe extern "C" fn visit(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    search: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the dynamic linker hands its own description, and what `file_of` has given it.
    let (info, search) = unsafe { (&*info, &mut *search.cast::<Search>()) };
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: so many headers stand there, as long as the library is loaded.
    let headers =
        unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    for header in headers {
        let is_constant = header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0;
        let start = info.dlpi_addr.wrapping_add(header.p_vaddr);
        let at = search.start.wrapping_sub(start);
        let fits = at
            .checked_add(search.len)
            .is_some_and(|end| end <= header.p_filesz);
        if is_constant && fits {
            // SAFETY: a C string, or null.
            let name = (!info.dlpi_name.is_null())
                .then(|| unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes());
            let path = match name {
                // The program itself has no name here.
                None | Some([]) => Path::new(OWN_FILE),
                Some(name) => Path::new(OsStr::from_bytes(name)),
            };
            search.found = header
                .p_offset
                .checked_add(at)
                .map(|offset| (path.to_owned(), offset));
            return 1;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(align(16384))]
    struct OnPage([u8; 20_000]);
    static CONSTANT: OnPage = OnPage([0x5a; 20_000]);

    #[test]
    fn constants_are_found_in_the_file_of_the_program() {
        let (file, offset) = file_of(&CONSTANT.0, 100).unwrap();
        let mut bytes = vec![0; 20_000];
        file.read_exact_at(&mut bytes, offset).unwrap();
        assert_eq!(bytes, CONSTANT.0);
    }

    #[test]
    fn other_bytes_are_in_no_file() {
        assert!(file_of(&CONSTANT.0[1..], 100).is_none(), "not on a page");
        let allocated: &'static [u8] = Box::leak(vec![1; 20_000].into_boxed_slice());
        assert!(file_of(allocated, 100).is_none());
    }
}
