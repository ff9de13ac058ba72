//! Where in a file the program's own constants are.
#![allow(unsafe_code, reason = "the dynamic linker tells what is mapped where")]

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

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
    let file = File::open(path).ok()?;
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
                // The program itself has no name here; this is it, even if it has been replaced.
                None | Some([]) => Path::new("/proc/self/exe"),
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
