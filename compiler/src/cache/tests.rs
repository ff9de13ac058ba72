//! The cache as a whole: many at once, and everything that can be wrong with a directory.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use super::*;
use crate::{Incremental, compile};

/// A directory that goes away with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("precast-cache-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn cache(&self) -> Cache {
        self.limited(u64::MAX)
    }

    fn limited(&self, max_bytes: u64) -> Cache {
        Cache::open(&self.0, CacheLimits { max_bytes }).unwrap()
    }

    /// The names of all files but the directory's own lock.
    fn names(&self) -> Vec<String> {
        let files = fs::read_dir(&self.0).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != DIRECTORY_LOCK).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A module like no other.
fn module(number: u32) -> Vec<u8> {
    wat::parse_str(format!("(module (func (export \"{number}\")))")).unwrap()
}

/// The artifact, which must be what compiling gives.
#[track_caller]
fn get(cache: &Cache, wasm: &[u8]) -> Cached {
    let options = Options::default();
    let cached = cache.get_or_compile(wasm, &options).unwrap();
    let bytes = match &cached.code {
        Code::File(entry) => fs::read(entry.path()).unwrap(),
        Code::Bytes(bytes) => bytes.clone(),
    };
    assert!(bytes == compile(wasm, &options).unwrap());
    cached
}

#[track_caller]
fn path(cached: &Cached) -> PathBuf {
    match &cached.code {
        Code::File(entry) => entry.path().to_owned(),
        Code::Bytes(_) => panic!("not kept: {:?}", cached.warning),
    }
}

/// Overwrites an entry, which is read-only for good reason.
fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o400)).unwrap();
}

fn last_used(path: &Path, seconds_ago: u64) {
    let time = SystemTime::now() - Duration::from_secs(seconds_ago);
    File::open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn what_was_compiled_is_found() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let first = get(&cache, &module(1));
    assert!(!first.is_hit && first.warning.is_none());
    let again = get(&scratch.cache(), &module(1));
    assert!(again.is_hit && again.warning.is_none());
    assert_eq!(path(&again), path(&first));
    assert!(!get(&cache, &module(2)).is_hit);
    assert_eq!(scratch.names().len(), 2);
}

#[test]
fn other_options_are_another_entry() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let first = get(&cache, &module(1));
    let mut options = Options::default();
    options.tunables.fuel = true;
    let other = cache.get_or_compile(&module(1), &options).unwrap();
    assert!(!other.is_hit);
    assert_ne!(path(&other), path(&first));
}

#[test]
fn a_module_that_does_not_compile_leaves_nothing() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    for _ in 0..2 {
        let found = cache.get_or_compile(b"\0asm\x01\0\0\0\x0d", &Options::default());
        assert!(matches!(found, Err(CompileError::Invalid { .. })));
        assert_eq!(scratch.names(), [""; 0]);
    }
}

#[test]
fn damaged_entries_are_made_anew() {
    let changes: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes.clear(),
        |bytes| bytes.truncate(1000),
        |bytes| bytes.truncate(bytes.len() - 100),
        |bytes| bytes.fill(0),
        |bytes| {
            // Somewhere in the note's list of digests.
            let name = b"\x01\0\0\0precast\0";
            let note = bytes.windows(name.len()).position(|part| part == name);
            bytes[note.unwrap() + 100] ^= 1;
        },
    ];
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let path = path(&get(&cache, &module(1)));
    for change in changes {
        damage(&path, change);
        assert!(!get(&cache, &module(1)).is_hit);
        assert!(get(&cache, &module(1)).is_hit);
    }
}

#[test]
fn an_entry_of_no_bytes_is_removed_with_the_others() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let path = path(&get(&cache, &module(1)));
    damage(&path, |bytes| bytes.clear());
    let (entries, bytes) = (1, 0);
    assert_eq!(cache.clear().unwrap(), Removed { entries, bytes });
    assert!(!path.exists());
}

#[test]
fn verification_finds_what_a_hit_does_not_look_for() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let path = path(&get(&cache, &module(1)));
    assert!(cache.entries().unwrap()[0].verify().is_ok());
    damage(&path, |bytes| {
        let artifact = precast_artifacts_format::Artifact::parse(bytes).unwrap();
        let text = artifact.file_offset(precast_artifacts_format::Section::Text);
        bytes[text as usize] ^= 1;
    });
    let found = cache.entries().unwrap()[0].verify();
    assert!(
        matches!(found, Err(CacheError::Damaged { .. })),
        "{found:?}"
    );
}

#[test]
fn an_entry_that_is_discarded_is_made_anew() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let Code::File(entry) = get(&cache, &module(1)).code else {
        panic!("not kept");
    };
    entry.discard().unwrap();
    assert_eq!(scratch.names(), [""; 0]);
    assert!(!get(&cache, &module(1)).is_hit);
}

#[test]
fn of_many_at_once_one_compiles() {
    let scratch = Scratch::new();
    let start = Barrier::new(8);
    let compiled = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let cache = scratch.cache();
                start.wait();
                let cached = get(&cache, &module(1));
                assert!(cached.warning.is_none(), "{:?}", cached.warning);
                compiled.fetch_add(u32::from(!cached.is_hit), Ordering::Relaxed);
            });
        }
    });
    assert_eq!(compiled.into_inner(), 1);
    assert_eq!(scratch.names().len(), 1);
}

#[test]
fn those_who_wait_do_not_wait_for_the_entry_to_be_given_back() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let entry = cache.path_of(Key::new(&module(1), &Options::default()));
    let claim = Claim::wait(&entry).unwrap().unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| get(&scratch.cache(), &module(1)));
        let artifact = compile(&module(1), &Options::default()).unwrap();
        let kept = cache.keep(&entry, &claim, &artifact).unwrap();
        drop(claim);
        assert!(waiting.join().unwrap().is_hit);
        drop(kept);
    });
}

#[test]
fn the_entry_that_was_used_the_longest_ago_makes_room() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let paths: Vec<PathBuf> = (0..3).map(|n| path(&get(&cache, &module(n)))).collect();
    for (seconds_ago, path) in [30, 20, 10].into_iter().zip(&paths) {
        last_used(path, seconds_ago);
    }
    // Found, and so the last.
    assert!(get(&cache, &module(0)).is_hit);
    let bytes: u64 = cache
        .entries()
        .unwrap()
        .iter()
        .map(|entry| entry.bytes)
        .sum();
    let limited = scratch.limited(bytes);
    assert!(get(&limited, &module(3)).warning.is_none());
    let is_there: Vec<bool> = paths.iter().map(|path| path.exists()).collect();
    assert_eq!(is_there, [true, false, true]);
    let now: u64 = cache
        .entries()
        .unwrap()
        .iter()
        .map(|entry| entry.bytes)
        .sum();
    assert!(now <= bytes);
}

#[test]
fn what_is_in_use_is_never_removed() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let used = get(&cache, &module(1));
    let bytes = fs::metadata(path(&used)).unwrap().len();
    let other = get(&scratch.limited(bytes), &module(2));
    assert!(matches!(other.warning, Some(CacheError::Full { .. })));
    assert_eq!(cache.clear().unwrap(), Removed::default());
    assert!(path(&used).exists());
    drop(used);
    assert_eq!(cache.clear().unwrap(), Removed { entries: 1, bytes });
    assert_eq!(scratch.names(), [""; 0]);
}

#[test]
fn an_artifact_larger_than_the_limit_is_not_kept() {
    let scratch = Scratch::new();
    let cached = get(&scratch.limited(1000), &module(1));
    assert!(matches!(cached.warning, Some(CacheError::Full { .. })));
    assert_eq!(scratch.names(), [""; 0]);
}

#[test]
fn what_killed_processes_leave_is_taken_over_or_swept() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let leave = |wasm: &[u8]| {
        let path = cache.path_of(Key::new(wasm, &Options::default()));
        let (lock, temporary) = (path.with_extension("lock"), path.with_extension("tmp"));
        fs::write(lock, "").unwrap();
        fs::write(&temporary, "half").unwrap();
        fs::set_permissions(temporary, Permissions::from_mode(0o400)).unwrap();
    };
    // Of the same module, and of another.
    leave(&module(1));
    leave(&module(2));
    assert!(get(&cache, &module(1)).warning.is_none());
    assert_eq!(scratch.names().len(), 1);
    leave(&module(3));
    cache.prune(u64::MAX).unwrap();
    assert_eq!(scratch.names().len(), 1);
}

#[test]
fn what_is_being_made_is_not_swept() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let entry = cache.path_of(Key::new(&module(1), &Options::default()));
    let claim = Claim::wait(&entry).unwrap().unwrap();
    let file = claim.write(b"half").unwrap();
    cache.clear().unwrap();
    assert!(get(&cache, &module(2)).warning.is_none());
    claim.publish(&file).unwrap();
    assert!(entry.exists());
}

#[test]
fn files_of_other_names_are_left_alone() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    for name in ["notes.txt", "a.precast", "b.tmp", "c.lock"] {
        fs::write(scratch.0.join(name), "").unwrap();
    }
    assert_eq!(cache.clear().unwrap(), Removed::default());
    assert_eq!(scratch.names().len(), 4);
}

#[test]
fn the_directory_and_the_entries_are_the_users_own() {
    let scratch = Scratch::new();
    let path = path(&get(&scratch.cache(), &module(1)));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&scratch.0), 0o700);
    assert_eq!(mode(&path), 0o400);
}

#[test]
fn a_directory_that_others_can_write_to_is_refused() {
    let scratch = Scratch::new();
    drop(scratch.cache());
    for mode in [0o770, 0o702] {
        fs::set_permissions(&scratch.0, Permissions::from_mode(mode)).unwrap();
        let refused = Cache::open(&scratch.0, CacheLimits::default());
        assert!(matches!(refused, Err(CacheError::WritableByOthers { .. })));
    }
}

#[test]
fn a_directory_of_another_user_is_refused() {
    let scratch = Scratch::new();
    drop(scratch.cache());
    let is_root = rustix::process::geteuid().is_root();
    let foreign: &Path = if is_root {
        std::os::unix::fs::chown(&scratch.0, Some(1), None).unwrap();
        &scratch.0
    } else {
        Path::new("/usr")
    };
    let refused = Cache::open(foreign, CacheLimits::default());
    assert!(matches!(refused, Err(CacheError::ForeignOwner { .. })));
}

#[test]
fn an_entry_that_others_can_write_to_is_not_used() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let path = path(&get(&cache, &module(1)));
    fs::set_permissions(&path, Permissions::from_mode(0o620)).unwrap();
    let cached = get(&cache, &module(1));
    assert!(!cached.is_hit && matches!(cached.code, Code::Bytes(_)));
    let warning = cached.warning;
    assert!(matches!(warning, Some(CacheError::WritableByOthers { .. })));
    // Clearing helps.
    cache.clear().unwrap();
    assert!(get(&cache, &module(1)).warning.is_none());
}

#[test]
fn an_entry_that_is_a_link_is_not_used() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let path = path(&get(&cache, &module(1)));
    let elsewhere = scratch.0.join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    let warning = get(&cache, &module(1)).warning;
    assert!(matches!(warning, Some(CacheError::NotAFile { .. })));
}

#[test]
fn where_nothing_can_be_written_modules_are_compiled() {
    // Not even by root.
    let cache = Cache {
        directory: "/proc/self/task".into(),
        limits: CacheLimits::default(),
    };
    let cached = get(&cache, &module(1));
    assert!(!cached.is_hit && matches!(cached.code, Code::Bytes(_)));
    assert!(matches!(cached.warning, Some(CacheError::Io { .. })));
}

#[test]
fn an_entry_that_cannot_be_written_is_not_kept() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let entry = cache.path_of(Key::new(&module(1), &Options::default()));
    fs::create_dir(entry.with_extension("tmp")).unwrap();
    let cached = get(&cache, &module(1));
    assert!(matches!(cached.warning, Some(CacheError::Io { .. })));
    assert!(!entry.exists() && !entry.with_extension("lock").exists());
}

const APP: &str = "/build/app.wasm";

fn recompile(cache: &Cache, origin: &str, wasm: &[u8]) -> Recompiled {
    let options = Options::default();
    let recompiled = cache.compile_incrementally(origin, Compilation::new(wasm, &options));
    let recompiled = recompiled.unwrap();
    assert!(recompiled.compiled.bytes == compile(wasm, &options).unwrap());
    recompiled
}

fn reuse(recompiled: &Recompiled) -> &Incremental {
    recompiled.compiled.incremental.as_ref().unwrap()
}

/// A module of two functions, of which one is like no other.
fn version(number: u32) -> Vec<u8> {
    let text = format!("(module (func (param i64)) (func (result i32) (i32.const {number})))");
    wat::parse_str(text).unwrap()
}

fn functions(cache: &Cache) -> PathBuf {
    let [entry] = &cache.entries().unwrap()[..] else {
        panic!("not one entry");
    };
    assert_eq!(entry.kind, EntryKind::Functions);
    entry.path.clone()
}

#[test]
fn functions_of_the_last_compilation_are_found_and_replaced() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    for number in 0..4 {
        let recompiled = recompile(&cache, APP, &version(number));
        assert!(recompiled.warning.is_none());
        assert_eq!(reuse(&recompiled).reused, usize::from(number > 0));
        assert_eq!(reuse(&recompiled).total, 2);
    }
    assert_eq!(reuse(&recompile(&cache, APP, &version(3))).reused, 2);
    assert_eq!(reuse(&recompile(&cache, "other", &version(3))).reused, 0);
    assert_eq!(scratch.names().len(), 2, "one for each origin");
    assert_eq!(cache.clear().unwrap().entries, 2);
    assert_eq!(scratch.names(), [""; 0]);
}

#[test]
fn damaged_functions_are_found_by_verification_and_mended_by_use() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let _ = recompile(&cache, APP, &version(1));
    let path = functions(&cache);
    let len = fs::metadata(&path).unwrap().len() as usize;
    for index in (0..len).step_by(7) {
        damage(&path, |bytes| bytes[index] ^= 1);
        let entry = cache.entries().unwrap().remove(0);
        assert!(matches!(
            entry.verify(),
            Err(CacheError::DamagedFunctions { .. })
        ));
        assert_eq!(reuse(&recompile(&cache, APP, &version(1))).reused, 0);
        assert!(cache.entries().unwrap()[0].verify().is_ok());
    }
    damage(&path, |bytes| bytes.truncate(len / 2));
    assert_eq!(reuse(&recompile(&cache, APP, &version(1))).reused, 0);
    assert_eq!(reuse(&recompile(&cache, APP, &version(1))).reused, 2);
}

#[test]
fn functions_that_others_could_have_written_are_not_used() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let _ = recompile(&cache, APP, &version(1));
    let path = functions(&cache);
    fs::set_permissions(&path, Permissions::from_mode(0o620)).unwrap();
    let recompiled = recompile(&cache, APP, &version(1));
    assert_eq!(reuse(&recompiled).reused, 0);
    let warning = recompiled.warning;
    assert!(matches!(warning, Some(CacheError::WritableByOthers { .. })));
    // What was kept instead is the user's own again.
    assert_eq!(reuse(&recompile(&cache, APP, &version(1))).reused, 2);
    fs::remove_file(&path).unwrap();
    let elsewhere = scratch.0.join("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    symlink(&elsewhere, &path).unwrap();
    let warning = recompile(&cache, APP, &version(1)).warning;
    assert!(matches!(warning, Some(CacheError::NotAFile { .. })));
    assert_eq!(fs::read(&elsewhere).unwrap(), b"");
}

#[test]
fn functions_count_towards_the_limit() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let _ = recompile(&cache, APP, &version(1));
    let path = functions(&cache);
    let bytes = fs::metadata(&path).unwrap().len();
    let recompiled = recompile(&scratch.limited(bytes - 1), "other", &version(2));
    assert!(matches!(recompiled.warning, Some(CacheError::Full { .. })));
    assert!(path.exists());
    let recompiled = recompile(&scratch.limited(bytes + 100), "other", &version(2));
    assert!(recompiled.warning.is_none());
    assert!(!path.exists(), "it made room");
}

#[test]
fn a_module_that_is_not_there_is_compiled_with_the_functions_of_the_last_one() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    let options = Options::default();
    let get = |number| {
        let wasm = version(number);
        let cached = cache.get_or_compile_incrementally(APP, Compilation::new(&wasm, &options));
        let cached = cached.unwrap();
        assert!(cached.warning.is_none());
        let artifact = fs::read(path(&cached)).unwrap();
        assert!(artifact == compile(&wasm, &options).unwrap());
        cached.is_hit
    };
    assert_eq!([1, 2, 1, 2].map(get), [false, false, true, true]);
    let entries = cache.entries().unwrap();
    let kinds = entries.iter().map(|entry| entry.kind);
    let functions = kinds.filter(|&kind| kind == EntryKind::Functions);
    assert_eq!((entries.len(), functions.count()), (3, 1));
}

#[test]
fn many_at_once_keep_the_functions_of_one_of_them() {
    let scratch = Scratch::new();
    let cache = scratch.cache();
    thread::scope(|scope| {
        for number in 0..8 {
            let cache = &cache;
            scope.spawn(move || {
                for round in 0..8 {
                    let recompiled = recompile(cache, APP, &version(8 * round + number));
                    assert!(recompiled.warning.is_none());
                }
            });
        }
    });
    assert!(cache.entries().unwrap()[0].verify().is_ok());
    assert_eq!(scratch.names().len(), 1);
}
