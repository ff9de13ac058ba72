//! `precast inspect --functions`: where the bytes of the text go.

use std::cmp::Reverse;
use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

use super::artifact::{CodeReport, FunctionReport, Report};

/// In which order functions are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// Largest first
    Size,
    /// As in the module
    Index,
    /// By name, those without one last
    Name,
}

/// The functions of an artifact, and how much of the text each kind of code takes.
#[derive(Debug, Serialize)]
pub struct FunctionsReport<'r> {
    file: &'r str,
    text_bytes: u64,
    code: &'r [CodeReport],
    /// How many functions there are, listed or not.
    count: usize,
    functions: Vec<Listed<'r>>,
}

#[derive(Debug, Serialize)]
struct Listed<'r> {
    #[serde(flatten)]
    function: &'r FunctionReport<'r>,
    /// Of the text, from 0 to 1.
    share: f64,
}

impl<'r> FunctionsReport<'r> {
    /// The first `top` functions in that order, or all.
    pub fn new(report: &'r Report<'r>, order: Order, top: Option<usize>) -> Self {
        let text_bytes = report.code.iter().map(|kind| kind.code_bytes).sum();
        let mut functions: Vec<_> = report.functions.iter().collect();
        let count = functions.len();
        match order {
            Order::Size => functions.sort_by_key(|function| Reverse(function.code_bytes)),
            Order::Index => functions.sort_by_key(|function| function.index),
            Order::Name => functions.sort_by(|a, b| {
                let a = (a.name.is_none(), a.name, a.index);
                a.cmp(&(b.name.is_none(), b.name, b.index))
            }),
        }
        functions.truncate(top.unwrap_or(count));
        let listed = functions.into_iter().map(|function| Listed {
            share: share(function.code_bytes.into(), text_bytes),
            function,
        });
        Self {
            file: &report.file,
            text_bytes,
            code: &report.code,
            count,
            functions: listed.collect(),
        }
    }
}

/// `part` of `whole`, from 0 to 1.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

impl fmt::Display for FunctionsReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text_bytes = self.text_bytes;
        writeln!(f, "{}: {text_bytes} bytes of code", self.file)?;
        writeln!(f, "\n       bytes   share     count  kind")?;
        for kind in self.code {
            let percent = share(kind.code_bytes, text_bytes) * 100.0;
            let (bytes, count) = (kind.code_bytes, kind.count);
            writeln!(
                f,
                "  {bytes:>10}  {percent:>5.1}%  {count:>8}  {}",
                kind.kind
            )?;
        }
        if self.functions.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\n       bytes   share     index        wasm        text  name and type"
        )?;
        for Listed { function, share } in &self.functions {
            let percent = share * 100.0;
            let name = function.name.unwrap_or("?").escape_debug();
            let wasm = match function.wasm_offset {
                Some(offset) => format!("{offset:#x}"),
                None => "?".to_owned(),
            };
            writeln!(
                f,
                "  {:>10}  {percent:>5.1}%  {:>8}  {wasm:>10}  {:>#10x}  {name} {}",
                function.code_bytes, function.index, function.text_offset, function.ty
            )?;
        }
        match self.count - self.functions.len() {
            0 => Ok(()),
            more => writeln!(f, "  {more} more"),
        }
    }
}
