//! What differs between two artifacts, as `--json` prints it field by field.
//!
//! Of each pair of values the first is that of the artifact before.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use precast_artifacts_format::Artifact;
use serde::Serialize;

use super::artifact::{FunctionReport, Report};
use super::types::TypeText;
use super::{artifact_in, no_artifact};

mod human;

/// An artifact to compare.
pub struct Side<'a> {
    bytes: &'a [u8],
    artifact: Artifact<'a>,
    report: Report<'a>,
}

impl<'a> Side<'a> {
    /// The artifact that the bytes are or have in them.
    ///
    /// # Errors
    ///
    /// If the bytes are no artifact that this version reads, nor a program with one, or do not match
    /// their digests.
    pub fn new(name: &str, bytes: &'a [u8]) -> Result<Self> {
        let (name, bytes) = artifact_in(name, bytes);
        let artifact = match Artifact::parse(bytes) {
            Ok(artifact) => artifact,
            Err(error) => match no_artifact(bytes, &error) {
                Some(what) => bail!("{name} is {what}, not an artifact"),
                None => return Err(error).context(name),
            },
        };
        artifact.verify().with_context(|| name.clone())?;
        Ok(Self {
            bytes,
            report: Report::new(&name, &artifact, &Ok(())),
            artifact,
        })
    }
}

/// What differs.
#[derive(Debug, Serialize)]
pub struct DiffReport {
    pub(super) files: [String; 2],
    /// Whether the artifacts are the same byte for byte.
    pub is_same: bool,
    pub(super) file_bytes: [usize; 2],
    /// Versions, target, CPU features, tunables: those that differ.
    pub(super) properties: Vec<Property>,
    /// Those that differ in size or contents.
    pub(super) sections: Vec<SectionDiff>,
    /// The kinds of code that differ in size or number.
    pub(super) code: Vec<CodeDiff>,
    pub(super) imports: Vec<BorderDiff>,
    pub(super) exports: Vec<BorderDiff>,
    /// Those that were added or removed, or that differ in size, with the largest change first.
    pub(super) functions: Vec<FunctionDiff>,
    /// How many functions are in both and of the same size.
    pub(super) functions_of_same_size: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) values: [String; 2],
}

#[derive(Debug, Serialize)]
pub(super) struct SectionDiff {
    pub(super) name: &'static str,
    pub(super) bytes: [u64; 2],
}

#[derive(Debug, Serialize)]
pub(super) struct CodeDiff {
    pub(super) kind: &'static str,
    pub(super) counts: [usize; 2],
    pub(super) code_bytes: [u64; 2],
}

/// An import or export that is not the same in both.
#[derive(Debug, Serialize)]
pub(super) struct BorderDiff {
    /// Of an import, the module it is wanted from.
    pub(super) module: Option<String>,
    pub(super) name: String,
    /// None where it is missing.
    pub(super) types: [Option<TypeText>; 2],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct FunctionDiff {
    pub(super) name: Option<String>,
    /// None where the function is missing.
    pub(super) indices: [Option<u32>; 2],
    /// None where the function is missing.
    pub(super) code_bytes: [Option<u32>; 2],
}

impl FunctionDiff {
    /// By how many bytes there is more code.
    pub(super) fn growth(&self) -> i64 {
        let [before, after] = self.code_bytes.map(|bytes| i64::from(bytes.unwrap_or(0)));
        after - before
    }
}

impl DiffReport {
    /// The comparison of two artifacts.
    pub fn new(before: &Side<'_>, after: &Side<'_>) -> Self {
        let (a, b) = (&before.report, &after.report);
        let (functions, functions_of_same_size) = functions(&a.functions, &b.functions);
        Self {
            files: [a.file.clone(), b.file.clone()],
            is_same: before.bytes == after.bytes,
            file_bytes: [a.file_bytes, b.file_bytes],
            properties: properties(a, b),
            sections: sections(before, after),
            code: code(a, b),
            imports: borders(&imports(a), &imports(b)),
            exports: borders(&exports(a), &exports(b)),
            functions,
            functions_of_same_size,
        }
    }

    /// The comparison as people read it, with so many functions.
    pub fn text(&self, top: usize) -> String {
        human::text(self, top)
    }
}

fn properties(before: &Report<'_>, after: &Report<'_>) -> Vec<Property> {
    let of = |report: &Report| {
        let yes_or_no = |is: bool| if is { "yes" } else { "no" }.to_owned();
        let list = |words: &[String]| match words {
            [] => "none".to_owned(),
            words => words.join(" "),
        };
        let features: Vec<_> = report
            .cpu_features
            .iter()
            .map(ToString::to_string)
            .collect();
        [
            ("target", report.target.clone()),
            ("CPU features", list(&features)),
            ("compiler", report.compiler_version.clone()),
            ("pages, in bytes", report.page_bytes.to_string()),
            ("memory checked", yes_or_no(report.memory_checked)),
            (
                "memory guard, in bytes",
                report.memory_guard_bytes.to_string(),
            ),
            ("fuel", yes_or_no(report.fuel)),
            ("listeners", yes_or_no(report.listeners)),
            ("uses", list(&report.wasm_features)),
            ("runtime symbols", list(&report.runtime_symbols)),
            (
                "start function",
                match report.start_function {
                    Some(index) => index.to_string(),
                    None => "none".to_owned(),
                },
            ),
            ("module", report.module_name.clone().unwrap_or_default()),
        ]
    };
    let pairs = of(before).into_iter().zip(of(after));
    pairs
        .filter(|((_, before), (_, after))| before != after)
        .map(|((name, before), (_, after))| Property {
            name,
            values: [before, after],
        })
        .collect()
}

fn sections(before: &Side<'_>, after: &Side<'_>) -> Vec<SectionDiff> {
    let (a, b) = (
        &before.artifact.note().sections,
        &after.artifact.note().sections,
    );
    a.iter()
        .filter_map(|entry| {
            let other = b.iter().find(|other| other.section == entry.section)?;
            (entry.digest != other.digest).then_some(SectionDiff {
                name: entry.section.name(),
                bytes: [entry.size, other.size],
            })
        })
        .collect()
}

fn code(before: &Report<'_>, after: &Report<'_>) -> Vec<CodeDiff> {
    let mut kinds: Vec<_> = before
        .code
        .iter()
        .chain(&after.code)
        .map(|it| it.kind)
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    let of = |report: &Report<'_>, kind| {
        let found = report.code.iter().find(|it| it.kind == kind);
        found.map_or((0, 0), |it| (it.count, it.code_bytes))
    };
    kinds
        .into_iter()
        .map(|kind| (kind, of(before, kind), of(after, kind)))
        .filter(|(_, before, after)| before != after)
        .map(|(kind, before, after)| CodeDiff {
            kind,
            counts: [before.0, after.0],
            code_bytes: [before.1, after.1],
        })
        .collect()
}

/// What an import or export is called: the module, for an import, and the name.
type BorderName<'a> = (Option<&'a str>, &'a str);
type Border<'a> = (BorderName<'a>, &'a TypeText);

fn imports<'r>(report: &'r Report<'_>) -> Vec<Border<'r>> {
    let imports = report.imports.iter();
    imports
        .map(|it| ((Some(it.module.as_str()), it.name.as_str()), &it.ty))
        .collect()
}

fn exports<'r>(report: &'r Report<'_>) -> Vec<Border<'r>> {
    let exports = report.exports.iter();
    exports
        .map(|it| ((None, it.name.as_str()), &it.ty))
        .collect()
}

/// What is not the same on both sides. Imports may have a name several times: the first belongs to
/// the first, and so on.
fn borders(before: &[Border<'_>], after: &[Border<'_>]) -> Vec<BorderDiff> {
    let border = |(module, name): BorderName<'_>, types: [Option<&TypeText>; 2]| BorderDiff {
        module: module.map(str::to_owned),
        name: name.to_owned(),
        types: types.map(|ty| ty.cloned()),
    };
    pairs(before, after, |it| it.0)
        .into_iter()
        .filter_map(|pair| match pair {
            (Some(a), Some(b)) if a.1 == b.1 => None,
            (Some(a), b) => Some(border(a.0, [Some(a.1), b.map(|b| b.1)])),
            (None, Some(b)) => Some(border(b.0, [None, Some(b.1)])),
            (None, None) => None,
        })
        .collect()
}

/// The functions that differ, and how many others are in both.
fn functions<'a>(
    before: &[FunctionReport<'a>],
    after: &[FunctionReport<'a>],
) -> (Vec<FunctionDiff>, usize) {
    // Those without a name are called by their index.
    let key = |it: &FunctionReport<'a>| match it.name {
        Some(name) => (Some(without_hash(name)), 0),
        None => (None, it.index),
    };
    let matched = pairs(before, after, key);
    // What has a name on one side only is the same function if its index is.
    let mut unmatched: HashMap<u32, &FunctionReport<'_>> = HashMap::new();
    for pair in &matched {
        if let (None, Some(b)) = pair {
            unmatched.insert(b.index, b);
        }
    }
    let mut all = Vec::new();
    for pair in &matched {
        if let (Some(a), b) = *pair {
            let same_index = || {
                let found = unmatched.get(&a.index).copied();
                found.filter(|b| a.name.is_none() || b.name.is_none())
            };
            let b = b.or_else(same_index);
            if let Some(b) = b {
                unmatched.remove(&b.index);
            }
            all.push((Some(a), b));
        }
    }
    let mut added: Vec<_> = unmatched.into_values().collect();
    added.sort_by_key(|function| function.index);
    all.extend(added.into_iter().map(|b| (None, Some(b))));

    let mut diffs: Vec<_> = all
        .into_iter()
        .map(|(a, b)| FunctionDiff {
            name: b
                .and_then(|b| b.name)
                .or_else(|| a?.name)
                .map(str::to_owned),
            indices: [a, b].map(|it| Some(it?.index)),
            code_bytes: [a, b].map(|it| Some(it?.code_bytes)),
        })
        .collect();
    let count = diffs.len();
    diffs.retain(|diff| diff.code_bytes[0] != diff.code_bytes[1]);
    let same = count - diffs.len();
    diffs.sort_by_key(|diff| std::cmp::Reverse(diff.growth().unsigned_abs()));
    (diffs, same)
}

/// Every element of both lists once, with the one of the other list that has the same key. Where
/// several have, the first belongs to the first, and so on.
fn pairs<'a, T, K: Eq + std::hash::Hash>(
    before: &'a [T],
    after: &'a [T],
    key: impl Fn(&'a T) -> K,
) -> Vec<(Option<&'a T>, Option<&'a T>)> {
    let mut places: HashMap<K, std::collections::VecDeque<usize>> = HashMap::new();
    for (place, b) in after.iter().enumerate() {
        places.entry(key(b)).or_default().push_back(place);
    }
    let mut is_taken = vec![false; after.len()];
    let mut pairs = Vec::new();
    for a in before {
        let place = places
            .get_mut(&key(a))
            .and_then(|places| places.pop_front());
        if let Some(taken) = place.and_then(|place| is_taken.get_mut(place)) {
            *taken = true;
        }
        pairs.push((Some(a), place.and_then(|place| after.get(place))));
    }
    let rest = after
        .iter()
        .zip(is_taken)
        .filter(|&(_, is_taken)| !is_taken);
    pairs.extend(rest.map(|(b, _)| (None, Some(b))));
    pairs
}

/// A name of Rust's without the hash at its end, which changes with the compiler and the crate:
/// `_ZN…17h0123456789abcdefE`, or `…::h0123456789abcdef` as linkers write it.
fn without_hash(name: &str) -> &str {
    const HASH_BYTES: usize = "h0123456789abcdef".len();
    let hashless = || {
        let (inner, before_hash) = match name.strip_prefix("_ZN") {
            Some(_) => (name.strip_suffix('E')?, "17"),
            None => (name, "::"),
        };
        let (rest, hash) = inner.split_at_checked(inner.len().checked_sub(HASH_BYTES)?)?;
        let digits = hash.strip_prefix('h')?;
        let is_hash = digits.bytes().all(|it| it.is_ascii_hexdigit());
        rest.strip_suffix(before_hash).filter(|_| is_hash)
    };
    hashless().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(index: u32, name: Option<&str>, code_bytes: u32) -> FunctionReport<'_> {
        FunctionReport {
            index,
            name,
            ty: "(func)".to_owned().into(),
            text_offset: 0,
            code_bytes,
            wasm_offset: None,
        }
    }

    /// What [`functions`] says: indices, sizes, and how many are the same.
    fn check(
        before: &[(u32, Option<&str>, u32)],
        after: &[(u32, Option<&str>, u32)],
        expected: &[[Option<(u32, u32)>; 2]],
        same: usize,
    ) {
        fn make<'a>(list: &[(u32, Option<&'a str>, u32)]) -> Vec<FunctionReport<'a>> {
            list.iter().map(|it| function(it.0, it.1, it.2)).collect()
        }
        let (diffs, count) = functions(&make(before), &make(after));
        let found: Vec<_> = diffs
            .iter()
            .map(|diff| [0, 1].map(|side| diff.indices[side].zip(diff.code_bytes[side])))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(count, same);
    }

    #[test]
    fn functions_are_matched_by_name_wherever_they_are() {
        check(
            &[(0, Some("a"), 16), (1, Some("b"), 32)],
            &[(0, Some("b"), 48), (1, Some("c"), 64), (2, Some("a"), 16)],
            &[[None, Some((1, 64))], [Some((1, 32)), Some((0, 48))]],
            1,
        );
    }

    #[test]
    fn functions_of_one_name_are_matched_in_their_order() {
        check(
            &[(0, Some("a"), 16), (1, Some("a"), 32)],
            &[(3, Some("a"), 16), (4, Some("a"), 48), (5, Some("a"), 80)],
            &[[None, Some((5, 80))], [Some((1, 32)), Some((4, 48))]],
            1,
        );
    }

    #[test]
    fn functions_without_names_are_matched_by_index() {
        check(
            &[(0, None, 16), (1, None, 32)],
            &[(0, Some("a"), 16), (1, None, 48), (2, None, 8)],
            &[[Some((1, 32)), Some((1, 48))], [None, Some((2, 8))]],
            1,
        );
    }

    #[test]
    fn hashes_of_rust_do_not_count() {
        let name = "_ZN4main3run17h0123456789abcdefE";
        assert_eq!(without_hash(name), "_ZN4main3run");
        assert_eq!(without_hash("main::run::h0123456789abcdef"), "main::run");
        for name in [
            "main",
            "h0123456789abcdef",
            "main::h0123456789abcde",
            "_ZN4main3runE",
            "x17h0123456789abcdefE",
            "_ZN17h012345678zabcdefE",
            "E",
            "_ZN€€€€€€€€€€€€€€€E",
        ] {
            assert_eq!(without_hash(name), name);
        }
    }
}
