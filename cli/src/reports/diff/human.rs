//! The comparison as people read it. Names may hold anything, so they are quoted or escaped.

use std::fmt::Write as _;

use super::{BorderDiff, DiffReport};

/// The comparison, with so many functions.
pub(super) fn text(report: &DiffReport, top: usize) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut text, report, top);
    text
}

fn write(f: &mut String, report: &DiffReport, top: usize) -> std::fmt::Result {
    let [before, after] = &report.files;
    if report.is_same {
        return writeln!(f, "{before} and {after} are the same");
    }
    writeln!(f, "--- {before}\n+++ {after}")?;
    for property in &report.properties {
        let [before, after] = &property.values;
        let name = property.name;
        let (before, after) = (before.escape_debug(), after.escape_debug());
        writeln!(f, "\n{name}\n  - {before}\n  + {after}")?;
    }
    borders(f, "imports", &report.imports)?;
    borders(f, "exports", &report.exports)?;

    writeln!(f, "\n      before       after      change  what")?;
    let [before, after] = report.file_bytes.map(|bytes| bytes as u64);
    sizes(f, before, after, "bytes of the file")?;
    for section in &report.sections {
        let [before, after] = section.bytes;
        sizes(f, before, after, section.name)?;
    }
    for kind in &report.code {
        let [before, after] = kind.code_bytes;
        let counts = match kind.counts {
            [before, after] if before == after => String::new(),
            [before, after] => format!(", {before} then {after}"),
        };
        sizes(f, before, after, &format!("code: {}{counts}", kind.kind))?;
    }
    functions(f, report, top)
}

fn borders(f: &mut String, what: &str, borders: &[BorderDiff]) -> std::fmt::Result {
    if !borders.is_empty() {
        writeln!(f, "\n{what}")?;
    }
    for border in borders {
        let name = match &border.module {
            Some(module) => format!("{module:?} {:?}", border.name),
            None => format!("{:?}", border.name),
        };
        for (sign, ty) in ["-", "+"].iter().zip(&border.types) {
            if let Some(ty) = ty {
                writeln!(f, "  {sign} {name}: {ty}")?;
            }
        }
    }
    Ok(())
}

fn sizes(f: &mut String, before: u64, after: u64, what: &str) -> std::fmt::Result {
    let change = match i128::from(after) - i128::from(before) {
        0 => "contents".to_owned(),
        change => format!("{change:+}"),
    };
    writeln!(f, "  {before:>10}  {after:>10}  {change:>10}  {what}")
}

fn functions(f: &mut String, report: &DiffReport, top: usize) -> std::fmt::Result {
    let functions = &report.functions;
    let count = |is: fn([Option<u32>; 2]) -> bool| {
        let counted = functions.iter().filter(|it| is(it.code_bytes));
        counted.count()
    };
    let added = count(|[before, _]| before.is_none());
    let removed = count(|[_, after]| after.is_none());
    let grown = count(|bytes| matches!(bytes, [Some(before), Some(after)] if after > before));
    let shrunk = functions.len() - added - removed - grown;
    writeln!(
        f,
        "\nfunctions: {added} added, {removed} removed, {grown} grown, {shrunk} shrunk, {} of the same size",
        report.functions_of_same_size
    )?;
    let bytes = |bytes: Option<u32>| bytes.map_or("-".to_owned(), |bytes| bytes.to_string());
    for function in functions.iter().take(top) {
        let [before, after] = function.code_bytes.map(bytes);
        let change = format!("{:+}", function.growth());
        let name = match (&function.name, function.indices) {
            (Some(name), _) => name.escape_debug().to_string(),
            (None, [before, after]) => match after.or(before) {
                Some(index) => format!("func[{index}]"),
                None => "?".to_owned(),
            },
        };
        writeln!(f, "  {before:>10}  {after:>10}  {change:>10}  {name}")?;
    }
    match functions.len().saturating_sub(top) {
        0 => Ok(()),
        more => writeln!(f, "  {more} more, see --top and --json"),
    }
}
