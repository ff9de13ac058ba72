//! A cache that is used and abused: whatever has happened to its directory, what it gives is right.
//!
//! Sequences of what users do (get, list, prune, remove) and of what goes wrong between: entries
//! cut short as by a full disk, removed, replaced, readable to all, and what processes leave that
//! are killed while they make an entry. Code that has been overwritten inside is what no hit looks
//! at; [`EntryInfo::verify`](precast_compiler::cache::EntryInfo::verify) must find it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use precast_artifacts_format::{Artifact, Section};
use precast_compiler::cache::{Cache, CacheLimits, Cached, Code, Entry};
use precast_compiler::{OptLevel, Options, compile};

use crate::scratch::Scratch;

/// A module that is asked for, and what must come.
struct Wanted {
    wasm: Vec<u8>,
    options: Options,
    artifact: Vec<u8>,
}

fn wanted() -> &'static [Wanted] {
    static WANTED: OnceLock<Vec<Wanted>> = OnceLock::new();
    WANTED.get_or_init(|| {
        let mut all = Vec::new();
        for number in 0..6 {
            let text = format!(
                r#"(module (memory 1) (data (i32.const 9) "x{number}")
                (func (export "f") (result i32) (i32.const {number})))"#
            );
            let wasm = wat::parse_str(text).expect("the module's text");
            let mut options = Options::default();
            if number % 2 == 1 {
                options.opt_level = OptLevel::None;
            }
            let artifact = compile(&wasm, &options).expect("the module compiles");
            all.push(Wanted {
                wasm,
                options,
                artifact,
            });
        }
        all
    })
}

/// Does to a cache what the bytes say.
///
/// # Panics
///
/// If it gives a wrong artifact, or fails where it must not.
pub fn check(bytes: &[u8]) {
    let _ = World::new().and_then(|mut world| world.run(&mut Unstructured::new(bytes)));
}

struct World {
    scratch: Scratch,
    cache: Cache,
    /// Where each module's entry is, as far as that is known.
    paths: Vec<Option<PathBuf>>,
    /// Whether the code of the entry has been overwritten inside.
    is_damaged: Vec<bool>,
    /// Whether something stands in the entry's place that the cache may not touch or use.
    is_blocked: Vec<bool>,
    held: Vec<(usize, Entry)>,
    /// In bytes.
    limit: u64,
}

impl World {
    fn new() -> Result<Self> {
        let scratch = Scratch::new("cache");
        let limit = u64::MAX;
        let cache = Cache::open(scratch.path().join("cache"), CacheLimits::default());
        let count = wanted().len();
        Ok(Self {
            scratch,
            cache: cache.expect("an empty directory of one's own"),
            paths: vec![None; count],
            is_damaged: vec![false; count],
            is_blocked: vec![false; count],
            held: Vec::new(),
            limit,
        })
    }

    fn run(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        while !u.is_empty() {
            self.step(u)?;
            for (which, entry) in &self.held {
                // In use, so that it must be there, unless it was removed behind the cache's back.
                if !self.is_damaged[*which] && self.paths[*which].is_some() {
                    let found = fs::read(entry.path()).expect("an entry in use");
                    assert!(
                        found == wanted()[*which].artifact,
                        "an entry in use has changed"
                    );
                }
            }
        }
        self.held.clear();
        self.cache.clear().expect("a cache can be cleared");
        let left = fs::read_dir(self.directory()).expect("the directory");
        for file in left {
            let path = file.expect("a file").path();
            let may_stay = path.file_name() == Some("lock".as_ref());
            assert!(may_stay, "{} is left", path.display());
        }
        Ok(())
    }

    fn directory(&self) -> PathBuf {
        self.scratch.path().join("cache")
    }

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let which = u.choose_index(wanted().len())?;
        match u.int_in_range(0..=20)? {
            0..=7 => self.get(which, u.arbitrary()?),
            8 => drop((!self.held.is_empty()).then(|| self.held.swap_remove(0))),
            9 => {
                let sizes = [0, 1, 10_000, 20_000, 40_000, 1 << 30];
                let most = *u.choose(&sizes)?;
                self.cache.prune(most).expect("a cache can be pruned");
                self.forget_what_is_gone();
            }
            10 => {
                self.cache.clear().expect("a cache can be cleared");
                self.forget_what_is_gone();
            }
            11 => self.list(),
            12 => {
                self.limit = *u.choose(&[u64::MAX, 0, 15_000, 30_000, 100_000])?;
                let mut limits = CacheLimits::default();
                limits.max_bytes = self.limit;
                let opened = Cache::open(self.directory(), limits);
                self.cache = opened.expect("the directory is still one's own");
            }
            13..=18 => {
                if let Some(path) = self.paths[which].clone() {
                    self.entry_fault(which, &path, u)?;
                }
            }
            19 => self.leftovers(which, u)?,
            _ => {
                let name = format!("{:064x}.tmp", u.arbitrary::<u64>()?);
                fs::write(self.directory().join(name), "left").expect("a file");
            }
        }
        Ok(())
    }

    /// The artifact must be what compiling gives.
    fn get(&mut self, which: usize, holds: bool) {
        let wanted = &wanted()[which];
        let got = self.cache.get_or_compile(&wanted.wasm, &wanted.options);
        let Cached {
            code,
            is_hit,
            warning,
        } = got.expect("the module compiles");
        match code {
            Code::Bytes(bytes) => {
                assert!(bytes == wanted.artifact, "a wrong artifact");
                let may_fail = self.is_blocked[which] || self.limit < 1 << 30;
                assert!(may_fail, "not kept: {warning:?}");
                assert!(warning.is_some());
                if let Some(path) = &self.paths[which]
                    && fs::symlink_metadata(path).is_err()
                {
                    self.paths[which] = None;
                }
            }
            Code::File(entry) => {
                assert!(!self.is_blocked[which], "what may not be used was used");
                let found = fs::read(entry.path()).expect("an entry in use");
                let damaged = is_hit && self.is_damaged[which];
                assert!(damaged || found == wanted.artifact, "a wrong artifact");
                self.paths[which] = Some(entry.path().to_owned());
                self.is_damaged[which] = damaged;
                if holds && self.held.len() < 8 {
                    self.held.push((which, entry));
                }
            }
        }
        self.forget_what_is_gone();
    }

    /// Every entry that is whole is found to be; of the others, those are removed that can be.
    fn list(&mut self) {
        for entry in self.cache.entries().expect("a list") {
            let which = self
                .paths
                .iter()
                .position(|path| path.as_ref() == Some(&entry.path));
            let verified = entry.verify();
            if let Some(which) = which {
                // Of the file's header, only what is read decides anything.
                let bytes = fs::read(&entry.path).expect("an entry");
                let wanted = Artifact::parse(&wanted()[which].artifact).expect("an artifact");
                let is_right = Artifact::parse(&bytes).is_ok_and(|found| {
                    let mut sections = Section::ALL.into_iter();
                    sections.all(|section| found.section(section) == wanted.section(section))
                });
                let is_usable = is_right && !self.is_blocked[which];
                assert_eq!(verified.is_ok(), is_usable, "{verified:?}");
            }
            let is_held = self.held.iter().any(|(_, held)| held.path() == entry.path);
            if verified.is_err() {
                let removed = self.cache.remove(&entry).expect("it can be removed");
                assert!(removed || is_held);
            }
        }
        self.forget_what_is_gone();
    }

    fn forget_what_is_gone(&mut self) {
        for which in 0..self.paths.len() {
            let path = &mut self.paths[which];
            if path
                .as_ref()
                .is_some_and(|path| fs::symlink_metadata(path).is_err())
            {
                *path = None;
                self.is_damaged[which] = false;
                self.is_blocked[which] = false;
            }
        }
    }

    /// Something happens to an entry.
    fn entry_fault(&mut self, which: usize, path: &Path, u: &mut Unstructured<'_>) -> Result<()> {
        let artifact = &wanted()[which].artifact;
        fs::remove_file(path).expect("a file");
        // Who holds the entry still has the file that it was.
        self.held.retain(|(held, _)| *held != which);
        self.is_damaged[which] = false;
        self.is_blocked[which] = false;
        let write = |bytes: &[u8], mode| {
            fs::write(path, bytes).expect("a file");
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("its mode");
        };
        match u.int_in_range(0..=6)? {
            0 => self.paths[which] = None,
            1 => write(&artifact[..u.choose_index(artifact.len())?], 0o400),
            2 => write(b"", 0o400),
            3 => {
                let mut bytes = artifact.clone();
                bytes[u.int_in_range(0..=63)?] = u.arbitrary()?;
                self.is_damaged[which] = bytes != *artifact;
                write(&bytes, 0o400);
            }
            4 => {
                let opened = Artifact::parse(artifact).expect("an artifact");
                let code = opened.file_offset(Section::Text) as usize;
                let mut bytes = artifact.clone();
                bytes[code] ^= 1;
                write(&bytes, 0o400);
                self.is_damaged[which] = true;
            }
            5 => {
                write(artifact, *u.choose(&[0o666, 0o620, 0o602, 0o777])?);
                self.is_blocked[which] = true;
            }
            _ => {
                symlink("/dev/null", path).expect("a link");
                self.is_blocked[which] = true;
            }
        }
        Ok(())
    }

    /// What a process leaves that is killed while it makes the entry.
    fn leftovers(&mut self, which: usize, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(path) = &self.paths[which] else {
            return Ok(());
        };
        File::create(path.with_extension("lock")).expect("a file");
        let temporary = path.with_extension("tmp");
        let artifact = &wanted()[which].artifact;
        let written = u.choose_index(artifact.len())?;
        let _ = fs::remove_file(&temporary);
        fs::write(&temporary, &artifact[..written]).expect("a file");
        let mode = *u.choose(&[0o600, 0o400, 0])?;
        fs::set_permissions(temporary, Permissions::from_mode(mode)).expect("its mode");
        Ok(())
    }
}
