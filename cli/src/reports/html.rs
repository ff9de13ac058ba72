//! `precast inspect --html`: a page with a map of the artifact in which each part takes as much room
//! as it has bytes.
//!
//! The page is one file and asks for nothing. What it shows are nodes `[name, bytes, children]` in
//! JSON: sections, below `.text` the functions in groups by the beginnings of their names.

use std::collections::BTreeMap;

use anyhow::Result;
use precast_artifacts_format::Section;
use serde::Serialize;

use super::artifact::{FunctionReport, Report};
use crate::page;

const PAGE: &str = include_str!("treemap.html");

/// How deep groups are nested.
const MAX_GROUP_DEPTH: usize = 3;
/// Of so many functions no groups are made.
const MIN_GROUPED: usize = 8;

/// A part of the artifact.
#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Node {
    Leaf(String, u64),
    Inner(String, u64, Vec<Node>),
}

impl Node {
    fn inner(name: impl Into<String>, mut children: Vec<Self>) -> Self {
        children.sort_by_key(|child| std::cmp::Reverse(child.bytes()));
        let bytes = children.iter().map(Self::bytes).sum();
        Self::Inner(name.into(), bytes, children)
    }

    fn bytes(&self) -> u64 {
        match *self {
            Self::Leaf(_, bytes) | Self::Inner(_, bytes, _) => bytes,
        }
    }
}

/// The page.
///
/// # Errors
///
/// If the data cannot be written as JSON.
pub fn page(report: &Report<'_>) -> Result<String> {
    page::fill(PAGE, &tree(report))
}

fn tree(report: &Report<'_>) -> Node {
    let mut sections: Vec<Node> = Vec::new();
    for section in &report.sections {
        if section.name == Section::Text.name() {
            sections.push(text(report));
        } else if section.bytes > 0 {
            sections.push(Node::Leaf(section.name.to_owned(), section.bytes));
        }
    }
    let known: u64 = sections.iter().map(Node::bytes).sum();
    let rest = (report.file_bytes as u64).saturating_sub(known);
    sections.push(Node::Leaf("headers, symbols and padding".into(), rest));
    Node::inner(report.file.clone(), sections)
}

fn text(report: &Report<'_>) -> Node {
    let functions: Vec<_> = (report.functions.iter())
        .map(|function| (name_of(function), u64::from(function.code_bytes)))
        .collect();
    let functions = Node::inner("functions", groups(&functions, 0, 0));
    let mut kinds = vec![functions];
    for kind in report.code.iter().filter(|kind| kind.kind != "functions") {
        kinds.push(Node::Leaf(kind.kind.into(), kind.code_bytes));
    }
    Node::inner(Section::Text.name(), kinds)
}

fn name_of(function: &FunctionReport<'_>) -> String {
    match function.name {
        Some(name) => name.to_owned(),
        None => format!("func[{}]", function.index),
    }
}

/// The functions, of whose names the first `skipped` bytes are the same, in groups by the next part
/// of their names. A group of one is no group.
fn groups(functions: &[(String, u64)], skipped: usize, depth: usize) -> Vec<Node> {
    let leaf = |(name, bytes): &(String, u64)| Node::Leaf(name.clone(), *bytes);
    if depth == MAX_GROUP_DEPTH || functions.len() < MIN_GROUPED {
        return functions.iter().map(leaf).collect();
    }
    let mut by_prefix: BTreeMap<&str, Vec<(String, u64)>> = BTreeMap::new();
    for function in functions {
        let end = skipped + prefix_len(function.0.get(skipped..).unwrap_or_default());
        let prefix = function.0.get(..end).unwrap_or(&function.0);
        by_prefix.entry(prefix).or_default().push(function.clone());
    }
    let mut nodes = Vec::new();
    for (prefix, members) in by_prefix {
        match &members[..] {
            [one] => nodes.push(leaf(one)),
            _ => nodes.push(Node::inner(
                format!("{prefix}…"),
                groups(&members, prefix.len(), depth + 1),
            )),
        }
    }
    nodes
}

/// The length in bytes of the first part of a name: a word and what separates it from the next.
fn prefix_len(name: &str) -> usize {
    // What functions without a name are called.
    if name.starts_with("func[") {
        return name.len();
    }
    let is_word = |it: char| it.is_alphanumeric();
    let Some(start) = name.find(is_word) else {
        return name.len();
    };
    let word = &name[start..];
    let end = start + word.find(|it| !is_word(it)).unwrap_or(word.len());
    let rest = &name[end..];
    end + rest.find(is_word).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<(String, u64)> {
        names.iter().map(|name| ((*name).to_owned(), 1)).collect()
    }

    #[test]
    fn functions_are_grouped_by_the_parts_of_their_names() {
        let names = [
            "std::a", "std::b", "std::b", "main", "core::x", "core::y", "core::z", "é€", "func[1]",
            "func[2]",
        ];
        let nodes = groups(&named(&names), 0, 0);
        let shown = |node: &Node| match node {
            Node::Leaf(name, bytes) => format!("{name} {bytes}"),
            Node::Inner(name, bytes, children) => format!("{name} {bytes} of {}", children.len()),
        };
        let shown: Vec<_> = nodes.iter().map(shown).collect();
        assert_eq!(
            shown,
            [
                "core::… 3 of 3",
                "func[1] 1",
                "func[2] 1",
                "main 1",
                "std::… 3 of 3",
                "é€ 1"
            ]
        );
    }

    #[test]
    fn names_of_any_kind_are_grouped_without_end_or_loss() {
        let names = ["", "::", "a", "a", "a", "a::", "a::", "😀::a", "\u{301}a"];
        let mut count = 0;
        let mut nodes = groups(&named(&names), 0, 0);
        while let Some(node) = nodes.pop() {
            match node {
                Node::Leaf(..) => count += 1,
                Node::Inner(_, _, children) => nodes.extend(children),
            }
        }
        assert_eq!(count, names.len());
    }
}
