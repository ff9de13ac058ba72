//! From paths to nodes, one name at a time.
//!
//! The directories on the way are kept, so that `..` goes back to where the walk came from, and never above its start,
//! whatever symlinks and moved directories there are.

use std::borrow::Cow;

use crate::fs::FileSystem;
use crate::types::Filetype;
use crate::{Errno, Result};

use super::MAX_PATH_BYTES;

const MAX_NAME_BYTES: usize = 255;

/// Symlinks of one path.
const MAX_LINKS: u32 = 40;

/// What a path leads to.
pub(crate) enum Found<N> {
    /// A symlink only if it was not to be followed.
    Node(N, Filetype),
    /// All is there but the last name.
    Missing {
        dir: N,
        name: String,
        /// The name asks for a directory.
        slash: bool,
    },
}

/// What becomes of a symlink as the last component. With a slash after it, it is followed in any case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    Itself,
    Followed,
    /// Followed, and a file is made where it leads. As on Linux no slash may come after that, whatever is there:
    /// [`Errno::Isdir`].
    Created,
}

impl Last {
    pub(crate) fn followed_if(follow: bool) -> Last {
        if follow { Last::Followed } else { Last::Itself }
    }
}

/// Finds `path` beneath the directory `start`.
///
/// # Errors
///
/// - [`Errno::Noent`] if a component before the last is not there, [`Errno::Notdir`] if it is no directory, or the last is
///   none and a slash comes after it.
/// - [`Errno::Perm`] if the path leads out.
/// - [`Errno::Loop`] beyond 40 symlinks, [`Errno::Nametoolong`] for a name beyond 255 bytes.
pub(crate) fn walk<F: FileSystem>(
    fs: &F,
    start: &F::Node,
    path: &str,
    last: Last,
) -> Result<Found<F::Node>> {
    let mut dirs = vec![start.clone()];
    // What is to come, the next one last.
    let mut names: Vec<Cow<'_, str>> = components(path)?.map(Cow::Borrowed).collect();
    let mut slash = path.ends_with('/');
    let mut links = 0u32;
    while let Some(name) = names.pop() {
        let dir = dirs.last().ok_or(Errno::Perm)?;
        let is_last = names.is_empty();
        match &*name {
            "." => continue,
            ".." => {
                dirs.pop();
                if dirs.is_empty() {
                    return Err(Errno::Perm);
                }
                continue;
            }
            _ if is_last && slash && last == Last::Created => return Err(Errno::Isdir),
            name => check_name(name)?,
        }
        let node = match fs.lookup(dir, &name) {
            Err(Errno::Noent) if is_last => {
                let dir = dir.clone();
                let name = name.into_owned();
                return Ok(Found::Missing { dir, name, slash });
            }
            found => found?,
        };
        match fs.filetype(&node)? {
            Filetype::Directory => dirs.push(node),
            Filetype::SymbolicLink if !is_last || last != Last::Itself || slash => {
                links = links.saturating_add(1);
                if links > MAX_LINKS {
                    return Err(Errno::Loop);
                }
                let target = fs.read_link(&node)?;
                names.extend(components(&target)?.map(|name| Cow::Owned(name.to_owned())));
                slash |= is_last && target.ends_with('/');
            }
            _ if !is_last || slash => return Err(Errno::Notdir),
            filetype => return Ok(Found::Node(node, filetype)),
        }
    }
    let dir = dirs.pop().ok_or(Errno::Perm)?;
    Ok(Found::Node(dir, Filetype::Directory))
}

/// The components of a path, the last one first.
fn components(path: &str) -> Result<impl Iterator<Item = &str>> {
    match path {
        "" => Err(Errno::Noent),
        path if path.starts_with('/') => Err(Errno::Perm),
        path if path.len() > MAX_PATH_BYTES => Err(Errno::Nametoolong),
        path => Ok(path.rsplit('/').filter(|name| !name.is_empty())),
    }
}

/// Splits a path before its last component. There is none if that is `.` or `..`, or if a slash comes after it: the path
/// then means a directory, which cannot be made or removed by that name.
pub(crate) fn split_last(path: &str) -> (&str, Option<&str>) {
    let (parent, name) = match path.rfind('/') {
        Some(slash) => path.split_at(slash.saturating_add(1)),
        None => ("", path),
    };
    match name {
        "" | "." | ".." => (path, None),
        name => (parent, Some(name)),
    }
}

pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.len() > MAX_NAME_BYTES {
        return Err(Errno::Nametoolong);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_component_is_a_name_or_nothing() {
        fn check(path: &str, parent: &str, name: Option<&str>) {
            assert_eq!(split_last(path), (parent, name), "{path}");
        }
        check("a", "", Some("a"));
        check("a/b", "a/", Some("b"));
        check("a//b", "a//", Some("b"));
        check("../b", "../", Some("b"));
        for path in [".", "..", "a/", "a/.", "a/..", "./"] {
            check(path, path, None);
        }
    }
}
