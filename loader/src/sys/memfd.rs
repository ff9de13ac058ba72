//! Bytes as a file that nobody can change any more.
#![allow(unsafe_code, reason = "memfd_create and file seals are system calls")]

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// Not in the C library's headers everywhere: the file may be mapped executable (Linux 6.3).
const MFD_EXEC: libc::c_uint = 0x10;

/// A file in memory that holds `bytes` and can be neither written nor resized.
pub(crate) fn sealed(name: &str, bytes: &[u8]) -> io::Result<File> {
    let name = CString::new(name).map_err(|_| io::ErrorKind::InvalidInput)?;
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // Kernels before 6.3 do not know the flag, later ones may be set up to want it.
    let mut file = create(&name, flags | MFD_EXEC).or_else(|_| create(&name, flags))?;
    file.write_all(bytes)?;
    let seals = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;
    // SAFETY: the descriptor is open; the call changes nothing but the file's seals.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file)
}

fn create(name: &CString, flags: libc::c_uint) -> io::Result<File> {
    // SAFETY: the name is a C string that outlives the call.
    let fd = unsafe { libc::memfd_create(name.as_ptr(), flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open, new, and nobody else's.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt as _;

    #[test]
    #[cfg_attr(miri, ignore = "makes a file in memory")]
    fn a_sealed_file_keeps_its_bytes() {
        let file = sealed("test", b"precast").unwrap();
        assert!(file.write_at(b"x", 0).is_err());
        assert!(file.set_len(3).is_err());
        assert!(file.set_len(30).is_err());
        let mut bytes = [0; 7];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"precast");
    }
}
