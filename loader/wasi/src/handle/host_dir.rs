//! A directory of the host.
//!
//! Every name is resolved by `cap_std::fs::Dir`, component by component or with the host's own confinement, so that
//! `..` and symlinks cannot lead out. Here only the rules are added that a host call leaves open: a trailing slash asks
//! for a directory, and where the host's call would drop it silently, it is checked.

use std::any::Any;
use std::fs::File as StdFile;
use std::io;
use std::os::unix::ffi::OsStringExt;

use cap_fs_ext::{
    DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt,
};
use cap_std::fs::{Dir, FileTypeExt, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use rustix::fs::{AtFlags, OFlags, Timestamps};
use rustix::thread::{NanosleepRelativeResult, nanosleep};
use rustix::time::Timespec;

use super::host_listing::HostListing;
use super::{Directory, HostFile, Listing, OpenHow, Opened, Sync};
use crate::types::{Filestat, SetTime, fdflags};
use crate::{Errno, Result};

pub(crate) struct HostDir(Dir);

impl HostDir {
    pub(crate) fn new(dir: Dir) -> HostDir {
        HostDir(dir)
    }

    /// The directory to link or move to.
    fn target(to: &dyn Directory) -> Result<&Dir> {
        let any: &dyn Any = to;
        let dir: &HostDir = any.downcast_ref().ok_or(Errno::Xdev)?;
        Ok(&dir.0)
    }

    /// The directory again, open for more than looking up names.
    fn reopened(&self) -> Result<StdFile> {
        let mut options = OpenOptions::new();
        options.read(true).maybe_dir(true);
        Ok(self.0.open_with(".", &options)?.into_std())
    }

    fn open_dir(&self, path: &str, follow: bool) -> Result<Dir> {
        Ok(if follow {
            self.0.open_dir(path)?
        } else {
            self.0.open_dir_nofollow(path)?
        })
    }

    /// Opens what is there. A pipe that is to be written waits for its reader, in sleeps, which interruptions end.
    fn open_at_last(&self, path: &str, options: &OpenOptions, how: &OpenHow) -> Result<StdFile> {
        const PAUSE: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 10_000_000,
        };
        loop {
            match self.0.open_with(path, options).map_err(Errno::from) {
                Err(Errno::Nxio) if how.write && how.fdflags & fdflags::NONBLOCK == 0 => {}
                opened => return Ok(opened?.into_std()),
            }
            if !self.0.metadata(path)?.file_type().is_fifo() {
                return Err(Errno::Nxio);
            }
            if let NanosleepRelativeResult::Interrupted(_) = nanosleep(&PAUSE) {
                return Err(Errno::Intr);
            }
        }
    }

    fn open_file(&self, path: &str, how: &OpenHow) -> Result<StdFile> {
        let mut options = options(how);
        if !how.create {
            return self.open_at_last(path, &options, how);
        }

        // Hosts create a file only together with writing to it, so one that is not to be written is opened first and
        // created only if it is not there. What the guest may do is for its rights to say, not for the host's mode.
        if !how.exclusive && !how.write && !how.truncate {
            match self.0.open_with(path, &options) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return Ok(opened?.into_std()),
            }
        }
        if how.read_only {
            return Err(Errno::Rofs);
        }
        options.write(true).create(true);
        options.create_new(how.exclusive);
        Ok(self.0.open_with(path, &options)?.into_std())
    }
}

fn options(how: &OpenHow) -> OpenOptions {
    let write = how.write || how.truncate;
    let mut options = OpenOptions::new();
    options
        .read(how.read || !write)
        .write(write)
        .truncate(how.truncate)
        .follow(if how.follow {
            FollowSymlinks::Yes
        } else {
            FollowSymlinks::No
        })
        // A pipe with a name would block the host until somebody opens its other end.
        .nonblock(true)
        .sync(how.fdflags & fdflags::SYNC != 0)
        .dsync(how.fdflags & fdflags::DSYNC != 0)
        .rsync(how.fdflags & fdflags::RSYNC != 0);
    options
}

impl Directory for HostDir {
    fn stat(&self) -> Result<Filestat> {
        Ok(Filestat::from(&self.0.dir_metadata()?))
    }

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat> {
        // cap-std does not see what comes after the last name when it asks for the attributes of a link.
        let names_dir = path.ends_with('/') || path.ends_with("/.");
        let metadata = if follow || names_dir {
            self.0.metadata(path)?
        } else {
            self.0.symlink_metadata(path)?
        };
        Ok(Filestat::from(&metadata))
    }

    fn open(&self, path: &str, how: &OpenHow) -> Result<Opened> {
        if how.directory || path.ends_with('/') {
            let dir = self.open_dir(path, how.follow)?;
            return Ok(Opened::Dir(Box::new(HostDir(dir))));
        }
        let file = self.open_file(path, how)?;
        let metadata = Metadata::from_file(&file)?;
        if metadata.is_dir() {
            let dir = Dir::from_std_file(file);
            return Ok(Opened::Dir(Box::new(HostDir(dir))));
        }
        let append = how.fdflags & fdflags::APPEND != 0;
        if append || !metadata.is_file() {
            let mut flags = rustix::fs::fcntl_getfl(&file)?;
            flags.set(OFlags::APPEND, append);
            flags.set(OFlags::NONBLOCK, how.fdflags & fdflags::NONBLOCK != 0);
            rustix::fs::fcntl_setfl(&file, flags)?;
        }
        let file = HostFile::opened(file, &metadata, how.fdflags);
        Ok(Opened::File(Box::new(file)))
    }

    fn read_link(&self, path: &str) -> Result<Vec<u8>> {
        Ok(self.0.read_link(path)?.into_os_string().into_vec())
    }

    fn create_dir(&self, path: &str) -> Result<()> {
        Ok(self.0.create_dir(path)?)
    }

    fn symlink(&self, target: &str, path: &str) -> Result<()> {
        Ok(self.0.symlink(target, path)?)
    }

    fn link(&self, old_path: &str, to: &dyn Directory, new_path: &str) -> Result<()> {
        Ok(self.0.hard_link(old_path, HostDir::target(to)?, new_path)?)
    }

    fn rename(&self, old_path: &str, to: &dyn Directory, new_path: &str) -> Result<()> {
        let to = HostDir::target(to)?;
        if old_path.ends_with('/') || new_path.ends_with('/') {
            let old_name = old_path.trim_end_matches('/');
            if !self.0.symlink_metadata(old_name)?.is_dir() {
                return Err(Errno::Notdir);
            }
        }
        Ok(self.0.rename(old_path, to, new_path)?)
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        // Only directories can be removed this way, so the slash adds nothing; kept, it would name `path/.`, which
        // cannot be removed.
        Ok(self.0.remove_dir(path.trim_end_matches('/'))?)
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        Ok(self.0.remove_file(path)?)
    }

    fn set_times(&self, accessed: SetTime, modified: SetTime) -> Result<()> {
        self.set_times_at(".", true, accessed, modified)
    }

    /// The file is found without being opened for anything: no pipe blocks, and no right to read or write is needed.
    fn set_times_at(
        &self,
        path: &str,
        follow: bool,
        accessed: SetTime,
        modified: SetTime,
    ) -> Result<()> {
        let times = Timestamps {
            last_access: accessed.timespec()?,
            last_modification: modified.timespec()?,
        };
        let names_dir = path.ends_with('/') || path.ends_with("/.");
        let follow = follow || names_dir;
        let mut options = OpenOptions::new();
        options
            .read(true)
            .custom_flags(OFlags::PATH.bits().cast_signed())
            .maybe_dir(true)
            .follow(if follow {
                FollowSymlinks::Yes
            } else {
                FollowSymlinks::No
            });
        let found = self.0.open_with(path, &options)?;
        match rustix::fs::utimensat(&found, "", &times, AtFlags::EMPTY_PATH) {
            // Linux before 5.8.
            Err(rustix::io::Errno::INVAL) => {
                let (accessed, modified) = (accessed.spec()?, modified.spec()?);
                let set = if follow {
                    self.0.set_times(path, accessed, modified)
                } else {
                    self.0.set_symlink_times(path, accessed, modified)
                };
                Ok(set?)
            }
            set => Ok(set?),
        }
    }

    fn sync(&self, what: Sync) -> Result<()> {
        let dir = self.reopened()?;
        let synced = match what {
            Sync::Data => dir.sync_data(),
            Sync::All => dir.sync_all(),
        };
        Ok(synced?)
    }

    fn list(&self) -> Result<Box<dyn Listing>> {
        let own_ino = self.0.dir_metadata()?.ino();
        Ok(Box::new(HostListing::new(self.reopened()?, own_ino)))
    }
}
