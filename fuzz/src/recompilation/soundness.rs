//! Whether anything of an artifact points to where it must not.

use precast_artifacts_format::{Artifact, Section};
use precast_compiler::Options;
use wasmparser::{Parser, Payload};

use super::damage::Record;
use crate::reading;

/// How long the fields of relocations are, in bytes.
const FIELD_BYTES: usize = 4;
/// Kinds of relocations for x86-64: distances to something in a table, calls, and distances to slots.
const DISTANCE: u64 = 0;
const CALL: u64 = 1;
const SLOT: u64 = 2;

/// What was compiled with functions of which one is another than what was kept opens, matches its
/// digests, and refers to nothing that it does not have. That one is `record`, unless it was refused.
///
/// # Panics
///
/// If that is not so.
pub(super) fn check(wasm: &[u8], options: &Options, bytes: &[u8], record: Option<&Record>) {
    let artifact = reading::check(bytes).expect("what is compiled opens");
    artifact.verify().expect("what is compiled is whole");
    let features = artifact.note().cpu_features;
    assert!(
        features.difference(options.cpu_features).is_empty(),
        "features that the options do not allow"
    );
    let text = artifact.section(Section::Text);
    let end = text.len();
    for (offset, _) in artifact.traps().iter() {
        assert!((offset as usize) < end, "a trap outside of the text");
    }
    addresses(wasm, &artifact);
    handlers(wasm, &artifact);
    if cfg!(target_arch = "x86_64")
        && let Some(record) = record
    {
        relocations(&artifact, record);
    }
}

/// Each piece of code comes from the body of its function.
fn addresses(wasm: &[u8], artifact: &Artifact<'_>) {
    let bodies = Parser::new(0).parse_all(wasm);
    let bodies: Vec<_> = bodies
        .filter_map(|payload| match payload {
            Ok(Payload::CodeSectionEntry(body)) => Some(body.range()),
            _ => None,
        })
        .collect();
    for (offset, place) in artifact.address_map().iter() {
        let Some(index) = artifact.funcs().find(offset) else {
            panic!("an operator outside of all functions");
        };
        let body = bodies.get(index as usize);
        assert!(
            body.is_some_and(|body| (body.start..body.end).contains(&place.into())),
            "an operator at {place:#x}, in another function"
        );
    }
}

/// Handlers are in the function that calls, and catch tags that there are.
fn handlers(wasm: &[u8], artifact: &Artifact<'_>) {
    let tags = artifact.manifest().imported().tags as usize + artifact.manifest().tags.len();
    let unwind = artifact.unwind();
    for offset in unwind.return_offsets() {
        let caller = artifact.funcs().find(offset.wrapping_sub(1));
        assert!(caller.is_some(), "a call outside of all functions");
        let site = unwind.lookup(offset).expect("a call that is there");
        let vmctx_end = u64::from(site.vmctx_offset) + 8;
        assert!(
            vmctx_end <= site.frame_bytes.into(),
            "a vmctx outside of its frame"
        );
        for handler in site.handlers() {
            let function = artifact.funcs().find(handler.text_offset);
            assert_eq!(function, caller, "a handler in another function");
            let tag = handler.catches.tag;
            assert!(
                tag.is_none_or(|tag| (tag as usize) < tags),
                "a tag that {} bytes of a module do not have",
                wasm.len()
            );
        }
    }
}

/// Where the code of `record` is in the text, its calls go to starts of functions, and its loads to slots.
fn relocations(artifact: &Artifact<'_>, record: &Record) {
    let text = artifact.section(Section::Text);
    let page = u64::from(artifact.note().page_bytes);
    let got = (text.len() as u64).next_multiple_of(page);
    let got_end = got + artifact.section(Section::Got).len() as u64;
    let tables = got_end.next_multiple_of(page);
    let tables_end = tables + artifact.section(Section::Tables).len() as u64;
    let all = record.relocations();
    let starts: Vec<u64> = artifact
        .code_symbols()
        .map(|symbol| symbol.text_offset.into())
        .collect();
    for index in 0..artifact.funcs().len() as u32 {
        let start = artifact.funcs().get(index).expect("a function").text_offset as usize;
        let code = &text[start..(start + record.code.len()).min(text.len())];
        if !is_linked(code, &record.code, &all) {
            continue;
        }
        for &(offset, kind) in &all {
            let place = start + offset as usize;
            let field = text[place..].first_chunk().expect("as many bytes");
            let next = (place + FIELD_BYTES) as i64;
            let target = (next + i64::from(i32::from_le_bytes(*field))).cast_unsigned();
            let in_tables = (tables..=tables_end).contains(&target);
            let is_right = match kind {
                DISTANCE => in_tables,
                CALL => starts.contains(&target),
                SLOT => {
                    in_tables
                        || (got..got_end).contains(&target) && (target - got).is_multiple_of(8)
                }
                _ => panic!("a relocation for another machine"),
            };
            assert!(is_right, "a reference of kind {kind} to {target:#x}");
        }
    }
}

/// Whether the code is the one that was kept, but for what linking does to it.
fn is_linked(code: &[u8], kept: &[u8], relocations: &[(u64, u64)]) -> bool {
    if code.len() != kept.len() {
        return false;
    }
    let mut is_open = vec![false; kept.len()];
    for &(offset, _) in relocations {
        // A load that becomes a computation has another opcode, too.
        let Some(start) = usize::try_from(offset).ok() else {
            return false;
        };
        let end = start.saturating_add(FIELD_BYTES);
        let Some(open) = is_open.get_mut(start.saturating_sub(2)..end) else {
            return false;
        };
        open.fill(true);
    }
    let mut bytes = code.iter().zip(kept).zip(is_open);
    bytes.all(|((one, other), is_open)| is_open || one == other)
}
