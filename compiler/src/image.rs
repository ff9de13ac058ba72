//! Memory images: data segments laid out as the pages that a memory starts with.
//!
//! A segment becomes part of the image if its place is known now and lies within the memory, and
//! if no segment before it, for the same memory, has to wait for instantiation: what is applied
//! later must not be overwritten by what comes earlier. Pages that hold nothing but zeros are left
//! out.

use std::collections::BTreeMap;

use precast_artifacts_format::{
    ConstExpr, DataMode, DataSegment, Extent, MemoryPlan, Range32, WASM_PAGE_BYTES,
};

use crate::module::{Module, SegmentMode};

/// An image may be this much larger than the segments that make it, and all of them together by
/// [`SLACK_BYTES`] more: small segments spread far apart are better copied than stored as mostly
/// empty pages.
const MAX_GROWTH: usize = 4;
const SLACK_BYTES: usize = 1 << 20;

/// What becomes of memories and data segments.
#[derive(Default)]
pub(crate) struct Images {
    pub(crate) memories: Vec<MemoryPlan>,
    pub(crate) segments: Vec<DataSegment>,
    /// Bytes of the image section.
    pub(crate) image: Vec<u8>,
    /// Bytes of the passive section.
    pub(crate) passive: Vec<u8>,
}

/// Lays out the images of the module's memories in pages of `page_bytes`.
pub(crate) fn plan(module: &Module<'_>, page_bytes: usize) -> Images {
    let mut images = Images::default();
    let defined = &module.memories[module.imported_memories as usize..];
    let mut in_image = vec![false; module.data.len()];
    let mut slack = SLACK_BYTES;
    for (index, ty) in (module.imported_memories..).zip(defined) {
        // Where the memory ends within a page of the image, there is none.
        let known = match ty.minimum_bytes() {
            Some(bytes) if ty.page_bytes() == WASM_PAGE_BYTES => {
                known_segments(module, index, bytes)
            }
            _ => Vec::new(),
        };
        let source: usize = known.iter().map(|&(i, _)| module.data[i].bytes.len()).sum();
        let pages = pages_of(module, &known, page_bytes, source * MAX_GROWTH + slack);
        let mut plan = MemoryPlan {
            ty: *ty,
            image: Vec::new(),
        };
        if let Some(pages) = pages {
            let excess = (pages.len() * page_bytes).saturating_sub(source * MAX_GROWTH);
            slack = slack.saturating_sub(excess);
            for &(segment, _) in &known {
                in_image[segment] = true;
            }
            plan.image = extents(&pages, page_bytes, &mut images.image);
        }
        images.memories.push(plan);
    }
    for (data, in_image) in module.data.iter().zip(in_image) {
        let mode = match &data.mode {
            _ if in_image => DataMode::InImage,
            SegmentMode::Active(memory, offset) => DataMode::Active {
                memory: *memory,
                offset: offset.clone(),
            },
            SegmentMode::Passive | SegmentMode::Declared => DataMode::Passive,
        };
        let bytes = if in_image { &[] } else { data.bytes };
        images.segments.push(DataSegment {
            mode,
            bytes: Range32 {
                offset: images.passive.len() as u32,
                len: bytes.len() as u32,
            },
        });
        images.passive.extend(bytes);
    }
    images
}

/// The segments that can go into the image of `memory`, with their offsets, in order.
fn known_segments(module: &Module<'_>, memory: u32, memory_bytes: u64) -> Vec<(usize, u64)> {
    let mut known = Vec::new();
    for (index, data) in module.data.iter().enumerate() {
        let SegmentMode::Active(target, offset) = &data.mode else {
            continue;
        };
        if *target != memory {
            continue;
        }
        let offset = match *offset {
            ConstExpr::I32(offset) => u64::from(offset.cast_unsigned()),
            ConstExpr::I64(offset) => offset.cast_unsigned(),
            _ => break,
        };
        let end = offset.checked_add(data.bytes.len() as u64);
        if end.is_none_or(|end| end > memory_bytes) {
            break;
        }
        known.push((index, offset));
    }
    known
}

/// The pages that the segments touch and that are not all zero, by number, if they take no more
/// than `max_bytes`.
fn pages_of(
    module: &Module<'_>,
    segments: &[(usize, u64)],
    page_bytes: usize,
    max_bytes: usize,
) -> Option<BTreeMap<u64, Vec<u8>>> {
    let mut pages: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for &(segment, offset) in segments {
        let mut rest = module.data[segment].bytes;
        let mut at = offset;
        while !rest.is_empty() {
            let within = (at % page_bytes as u64) as usize;
            let (now, later) = rest.split_at(rest.len().min(page_bytes - within));
            let number = at / page_bytes as u64;
            // Zeros matter only where they overwrite something.
            if pages.contains_key(&number) || now.iter().any(|&byte| byte != 0) {
                let page = pages.entry(number).or_insert_with(|| vec![0; page_bytes]);
                page[within..within + now.len()].copy_from_slice(now);
                if pages.len() * page_bytes > max_bytes {
                    return None;
                }
            }
            at += now.len() as u64;
            rest = later;
        }
    }
    pages.retain(|_, page| page.iter().any(|&byte| byte != 0));
    Some(pages)
}

/// Appends the pages to `image` and gives the runs of neighbouring ones.
fn extents(pages: &BTreeMap<u64, Vec<u8>>, page_bytes: usize, image: &mut Vec<u8>) -> Vec<Extent> {
    let mut extents: Vec<Extent> = Vec::new();
    for (number, page) in pages {
        let memory_offset = number * page_bytes as u64;
        match extents.last_mut() {
            Some(last) if last.memory_offset + last.len == memory_offset => {
                last.len += page_bytes as u64;
            }
            _ => extents.push(Extent {
                memory_offset,
                image_offset: image.len() as u64,
                len: page_bytes as u64,
            }),
        }
        image.extend(page);
    }
    extents
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::Data;
    use precast_artifacts_format::MemoryType;

    fn module<'a>(segments: &[(SegmentMode, &'a [u8])]) -> Module<'a> {
        Module {
            memories: vec![MemoryType::new(1, None)],
            data: segments
                .iter()
                .map(|(mode, bytes)| Data {
                    mode: mode.clone(),
                    bytes,
                })
                .collect(),
            ..Module::default()
        }
    }

    fn at(offset: i32) -> SegmentMode {
        SegmentMode::Active(0, ConstExpr::I32(offset))
    }

    #[test]
    fn neighbouring_pages_make_one_extent_and_zero_pages_none() {
        let long = [1; 4097];
        let module = module(&[(at(4096), &long), (at(20_000), &[0; 9]), (at(40_960), &[7])]);
        let images = plan(&module, 4096);
        let extents: Vec<_> = images.memories[0]
            .image
            .iter()
            .map(|e| (e.memory_offset, e.image_offset, e.len))
            .collect();
        assert_eq!(extents, [(4096, 0, 8192), (40_960, 8192, 4096)]);
        assert_eq!(images.image.len(), 12_288);
        assert_eq!(images.image[4096], 1);
        assert_eq!(images.image[4097], 0);
        assert!(images.passive.is_empty());
        assert!(images.segments.iter().all(|s| s.mode == DataMode::InImage));
    }

    #[test]
    fn later_segments_overwrite_earlier_ones_also_with_zeros() {
        let module = module(&[(at(0), &[1, 2, 3]), (at(1), &[0])]);
        let images = plan(&module, 4096);
        assert_eq!(images.image[..3], [1, 0, 3]);
    }

    #[test]
    fn nothing_passes_a_segment_that_has_to_wait() {
        let waits = SegmentMode::Active(0, ConstExpr::GlobalGet(0));
        let module = module(&[
            (at(0), &[1]),
            (waits, &[2]),
            (at(8), &[3]),
            (SegmentMode::Passive, &[4, 5]),
        ]);
        let images = plan(&module, 4096);
        let in_image: Vec<_> = images
            .segments
            .iter()
            .map(|s| s.mode == DataMode::InImage)
            .collect();
        assert_eq!(in_image, [true, false, false, false]);
        assert_eq!(images.passive, [2, 3, 4, 5]);
        assert_eq!(images.segments[3].bytes, Range32 { offset: 2, len: 2 });
    }

    #[test]
    fn a_segment_beyond_the_memory_is_left_to_trap() {
        let module = module(&[(at(65_535), &[1, 2]), (at(0), &[1])]);
        let images = plan(&module, 4096);
        assert!(images.segments.iter().all(|s| s.mode != DataMode::InImage));
    }

    #[test]
    fn segments_spread_far_apart_are_copied_instead() {
        let segments: Vec<_> = (0..16).map(|i| (at(i * 4096), &[1u8][..])).collect();
        let mut module = module(&segments);
        module.memories[0].minimum_pages = 1 << 14;
        let many: Vec<_> = (0..4000)
            .map(|i| Data {
                mode: at(i * 16_384),
                bytes: &[1],
            })
            .collect();
        assert!(!plan(&module, 4096).image.is_empty(), "a few are fine");
        module.data = many;
        let images = plan(&module, 4096);
        assert!(images.image.is_empty());
        assert_eq!(images.passive.len(), 4000);
    }

    #[test]
    fn many_memories_share_what_is_allowed_for_empty_pages() {
        let byte = |memory, page: i32| Data {
            mode: SegmentMode::Active(memory, ConstExpr::I32(page * 4096)),
            bytes: &[1],
        };
        let mut module = module(&[]);
        module.memories = vec![MemoryType::new(16, None); 100];
        module.data = (0..100)
            .flat_map(|memory| (0..200).map(move |page| byte(memory, page)))
            .collect();
        let images = plan(&module, 4096);
        assert!(!images.image.is_empty());
        assert!(images.image.len() <= module.data.len() * MAX_GROWTH + SLACK_BYTES);
    }
}
