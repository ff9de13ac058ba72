//! Our own link step: functions laid one after the other, calls between them resolved, slots and
//! constant tables reached by fixed distances. Of an object, the last is left to another linker.
//!
//! Calls within the text are resolved by the code generator's text section builder, which puts
//! veneers where a branch does not reach. References to slots and constant tables wait until the
//! length of the text is known, since they lie behind it.

use cranelift_codegen::TextSectionBuilder;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use precast_artifacts_format::{
    AddressMapBuilder, CpuFeatures, Handler, PagedLayout, Relocation, RelocationKind,
    RelocationTarget, RuntimeSymbol, Target, TrapTableBuilder, UnwindTableBuilder, paged_layout,
};

use crate::env::Reference;
use crate::error::CompileError;
use crate::generate::{self, Code};

/// Functions start on multiples of this many bytes.
const FUNCTION_ALIGN: u32 = 16;

/// The largest text, in bytes: distances within the file stay well below 2 GiB.
const MAX_TEXT_BYTES: u64 = 1 << 30;

/// A text in the making.
pub(crate) struct Linker {
    target: Target,
    text: Box<dyn TextSectionBuilder>,
    control: ControlPlane,
    placed: Vec<Placed>,
    slots: Vec<RuntimeSymbol>,
    fixups: Vec<Fixup>,
    traps: TrapTableBuilder,
    addresses: AddressMapBuilder,
    unwind: UnwindTableBuilder,
    /// How many functions the module defines.
    defined_funcs: usize,
    cpu_features: CpuFeatures,
}

/// Where a function came to lie, in bytes from the start of the text.
#[derive(Clone, Copy)]
pub(crate) struct Placed {
    pub(crate) offset: u32,
    pub(crate) size: u32,
}

/// A reference out of the text.
struct Fixup {
    text_offset: u64,
    kind: Reloc,
    addend: i64,
    target: FixupTarget,
}

enum FixupTarget {
    Slot(usize),
    ConstTable(u32),
}

/// A linked text.
pub(crate) struct Linked {
    pub(crate) text: Vec<u8>,
    pub(crate) layout: PagedLayout,
    /// The functions, in the order in which they were added.
    pub(crate) placed: Vec<Placed>,
    pub(crate) slots: Vec<RuntimeSymbol>,
    pub(crate) traps: Vec<u8>,
    pub(crate) addresses: Vec<u8>,
    pub(crate) unwind: Vec<u8>,
    pub(crate) cpu_features: CpuFeatures,
}

impl Linker {
    /// A text for `target`, built by `text`, of a module that defines so many functions.
    pub(crate) fn new(
        target: Target,
        text: Box<dyn TextSectionBuilder>,
        defined_funcs: usize,
    ) -> Self {
        Self {
            target,
            text,
            control: ControlPlane::default(),
            placed: Vec::new(),
            slots: Vec::new(),
            fixups: Vec::new(),
            traps: TrapTableBuilder::default(),
            addresses: AddressMapBuilder::default(),
            unwind: UnwindTableBuilder::default(),
            defined_funcs,
            cpu_features: CpuFeatures::NONE,
        }
    }

    /// Adds the next function. Defined functions come first, so that the number of a function is
    /// its index among them, and after them the throwing trampolines, if there are any.
    pub(crate) fn add(&mut self, code: &Code) -> Result<(), CompileError> {
        let end = self
            .placed
            .last()
            .map_or(0, |p| u64::from(p.offset) + u64::from(p.size));
        if end + code.bytes.len() as u64 > MAX_TEXT_BYTES {
            return Err(CompileError::Limit {
                what: "the machine code is too large, in bytes",
                limit: MAX_TEXT_BYTES,
                name: None,
            });
        }
        let start = self
            .text
            .append(true, &code.bytes, FUNCTION_ALIGN, &mut self.control);
        let offset = start as u32;
        self.placed.push(Placed {
            offset,
            size: code.bytes.len() as u32,
        });
        for relocation in &code.relocations {
            let text_offset = start + u64::from(relocation.offset);
            let (kind, addend) = (relocation.kind, relocation.addend);
            let place = match relocation.target {
                Reference::Defined(index) => Ok(index as usize),
                Reference::Throwing(throwing) => Ok(self.defined_funcs + throwing as usize),
                Reference::Runtime(symbol) => Err(FixupTarget::Slot(self.slot(symbol))),
                Reference::ConstTable(offset) => Err(FixupTarget::ConstTable(offset)),
            };
            match place {
                Ok(number) => {
                    let text = &mut self.text;
                    if !text.resolve_reloc(text_offset, kind, addend, number) {
                        return Err(unknown(self.placed.len(), kind));
                    }
                }
                Err(target) => self.fixups.push(Fixup {
                    text_offset,
                    kind,
                    addend,
                    target,
                }),
            }
        }
        for &(trap, code) in &code.traps {
            self.traps.push(offset + trap, code);
        }
        for &(address, wasm_offset) in &code.addresses {
            self.addresses.push(offset + address, wasm_offset);
        }
        self.unwind.next_function();
        for call in &code.calls {
            let handlers = call.handlers.iter().map(|handler| Handler {
                text_offset: offset + handler.text_offset,
                ..*handler
            });
            self.unwind.push(
                offset + call.return_offset,
                call.frame_bytes,
                call.vmctx_offset,
                &handlers.collect::<Vec<_>>(),
            );
        }
        self.cpu_features = self.cpu_features.union(code.cpu_features);
        Ok(())
    }

    /// The slot of `symbol`; slots are given out in the order of first use.
    fn slot(&mut self, symbol: RuntimeSymbol) -> usize {
        let known = self.slots.iter().position(|&known| known == symbol);
        known.unwrap_or_else(|| {
            self.slots.push(symbol);
            self.slots.len() - 1
        })
    }

    /// Completes the text.
    pub(crate) fn finish(self) -> Result<Linked, CompileError> {
        let (mut linked, fixups) = self.complete()?;
        for fixup in &fixups {
            let target = match fixup.target {
                FixupTarget::Slot(slot) => linked.layout.got + slot as u64 * 8,
                FixupTarget::ConstTable(offset) => linked.layout.tables + u64::from(offset),
            };
            let (text, place) = (&mut linked.text, fixup.text_offset);
            if patch(text, place, fixup.kind, fixup.addend, target).is_none() {
                return Err(unknown(linked.placed.len(), fixup.kind));
            }
        }
        Ok(linked)
    }

    /// Completes the text but for what refers to places outside of it, and says what another
    /// linker has to do about those.
    pub(crate) fn finish_object(self) -> Result<(Linked, Vec<Relocation>), CompileError> {
        let (linked, fixups) = self.complete()?;
        let relocations = fixups.iter().map(|fixup| {
            let relocation = fixup.relocation();
            relocation.ok_or_else(|| unknown(linked.placed.len(), fixup.kind))
        });
        let relocations = relocations.collect::<Result<_, _>>()?;
        Ok((linked, relocations))
    }

    /// The text with the instructions it will have, but without the places outside of it.
    fn complete(mut self) -> Result<(Linked, Vec<Fixup>), CompileError> {
        let mut text = self.text.finish(&mut self.control);
        for fixup in &self.fixups {
            let is_near = matches!(fixup.target, FixupTarget::ConstTable(_));
            if is_near && relax(&mut text, fixup.text_offset, fixup.kind).is_none() {
                return Err(unknown(self.placed.len(), fixup.kind));
            }
        }
        let layout = paged_layout(self.target, text.len() as u64, self.slots.len());
        let linked = Linked {
            text,
            layout,
            placed: self.placed,
            slots: self.slots,
            traps: self.traps.finish(),
            addresses: self.addresses.finish(),
            unwind: self.unwind.finish(),
            cpu_features: self.cpu_features,
        };
        Ok((linked, self.fixups))
    }
}

fn unknown(funcs: usize, kind: Reloc) -> CompileError {
    CompileError::Internal {
        func_index: funcs as u32,
        message: format!("the linker does not know relocations of kind {kind:?}"),
    }
}

impl Fixup {
    /// What another linker has to do; `None` for a kind of reference that is not known. What refers
    /// to a constant table has been [relaxed](relax).
    fn relocation(&self) -> Option<Relocation> {
        let (kind, target, offset) = match self.target {
            FixupTarget::Slot(slot) => {
                let kind = match self.kind {
                    Reloc::X86GOTPCRel4 => RelocationKind::X86GotPcRel,
                    Reloc::Aarch64AdrGotPage21 => RelocationKind::Aarch64GotPage,
                    Reloc::Aarch64Ld64GotLo12Nc => RelocationKind::Aarch64GotPageOffset,
                    _ => return None,
                };
                (kind, RelocationTarget::Runtime(slot), 0)
            }
            FixupTarget::ConstTable(offset) => {
                let kind = match self.kind {
                    Reloc::X86PCRel4 | Reloc::X86GOTPCRel4 => RelocationKind::Distance,
                    Reloc::Aarch64AdrGotPage21 | Reloc::Aarch64AdrPrelPgHi21 => {
                        RelocationKind::Aarch64Page
                    }
                    Reloc::Aarch64Ld64GotLo12Nc | Reloc::Aarch64AddAbsLo12Nc => {
                        RelocationKind::Aarch64PageOffset
                    }
                    _ => return None,
                };
                (kind, RelocationTarget::Tables, i64::from(offset))
            }
        };
        Some(Relocation {
            offset: self.text_offset,
            kind,
            target,
            addend: self.addend + offset,
        })
    }
}

/// Whether the relocation stands at an instruction of its kind, not yet changed, and refers to what such
/// an instruction can. What the code generator has just made is so; what was kept may have been damaged.
pub(crate) fn is_reference(code: &[u8], relocation: &generate::Relocation) -> bool {
    let place = relocation.offset as usize;
    let field = code.get(place..).and_then(|rest| rest.first_chunk::<4>());
    let Some(word) = field.map(|field| u32::from_le_bytes(*field)) else {
        return false;
    };
    let before = |count: usize| code.get(place.checked_sub(count)?).copied();
    // A register as it was given, and as the other operand an address from here.
    let is_relative = || before(1).is_some_and(|operands| operands & 0xc7 == 0x05);
    let (addend, is_instruction) = match relocation.kind {
        Reloc::X86CallPCRel4 => (-4, word == 0 && matches!(before(1), Some(0xe8 | 0xe9))),
        Reloc::X86GOTPCRel4 => (-4, word == 0 && is_relative() && before(2) == Some(0x8b)),
        Reloc::X86PCRel4 => (-4, word == 0 && is_relative() && before(2) == Some(0x8d)),
        Reloc::Arm64Call => (0, word & 0x7fff_ffff == 0x1400_0000),
        Reloc::Aarch64AdrGotPage21 | Reloc::Aarch64AdrPrelPgHi21 => {
            (0, word & 0xffff_ffe0 == 0x9000_0000)
        }
        Reloc::Aarch64Ld64GotLo12Nc => (0, word & 0xffff_fc00 == 0xf940_0000),
        Reloc::Aarch64AddAbsLo12Nc => (0, word & 0xffff_fc00 == 0x9100_0000),
        _ => return false,
    };
    let is_call = matches!(relocation.kind, Reloc::X86CallPCRel4 | Reloc::Arm64Call);
    let is_of_slot = matches!(
        relocation.kind,
        Reloc::X86GOTPCRel4 | Reloc::Aarch64AdrGotPage21 | Reloc::Aarch64Ld64GotLo12Nc
    );
    let has_target = match relocation.target {
        Reference::Defined(_) | Reference::Throwing(_) => is_call,
        Reference::Runtime(_) => is_of_slot,
        Reference::ConstTable(_) => !is_call,
    };
    relocation.addend == addend && is_instruction && has_target
}

/// Makes an instruction that would load an address from a slot compute it instead, as a system
/// linker does for what turns out to be near. Position-independent code asks for a slot whatever it
/// refers to, but constant tables lie at a known distance. `None` for an instruction that is not
/// known.
fn relax(text: &mut [u8], place: u64, kind: Reloc) -> Option<()> {
    let place = place as usize;
    match kind {
        // mov r64, [rip + x] becomes lea r64, [rip + x]
        Reloc::X86GOTPCRel4 => {
            let opcode = text.get_mut(place.checked_sub(2)?)?;
            if *opcode != 0x8b {
                return None;
            }
            *opcode = 0x8d;
        }
        // ldr xd, [xn, #x] becomes add xd, xn, #x
        Reloc::Aarch64Ld64GotLo12Nc => {
            let bytes = text.get_mut(place..)?.first_chunk_mut::<4>()?;
            let word = u32::from_le_bytes(*bytes);
            if word & 0xffc0_0000 != 0xf940_0000 {
                return None;
            }
            *bytes = (0x9100_0000 | word & 0x3ff).to_le_bytes();
        }
        Reloc::X86PCRel4
        | Reloc::Aarch64AdrGotPage21
        | Reloc::Aarch64AdrPrelPgHi21
        | Reloc::Aarch64AddAbsLo12Nc => {}
        _ => return None,
    }
    Some(())
}

/// Makes the instruction at `place` refer to `target`; both count from the start of the text,
/// which lies on a page. `None` for a kind of reference that is not known or does not reach.
fn patch(text: &mut [u8], place: u64, kind: Reloc, addend: i64, target: u64) -> Option<()> {
    let bytes: &mut [u8; 4] = text.get_mut(place as usize..)?.first_chunk_mut::<4>()?;
    let word = u32::from_le_bytes(*bytes);
    let (target, place) = (target as i64 + addend, place as i64);
    let page = |address: i64| address >> 12;
    let low_bits = (target & 0xfff) as u32;
    let patched = match kind {
        Reloc::X86PCRel4 | Reloc::X86GOTPCRel4 | Reloc::X86CallPCRel4 => {
            i32::try_from(target - place).ok()? as u32
        }
        Reloc::Aarch64AdrGotPage21 | Reloc::Aarch64AdrPrelPgHi21 => {
            let pages = page(target) - page(place);
            if !(-(1 << 20)..1 << 20).contains(&pages) {
                return None;
            }
            let (low, high) = (pages as u32 & 3, (pages as u32 >> 2) & 0x7_ffff);
            word | low << 29 | high << 5
        }
        Reloc::Aarch64AddAbsLo12Nc => word | low_bits << 10,
        // Relaxed, it adds bytes; as it was, it counts in units of what it loads.
        Reloc::Aarch64Ld64GotLo12Nc if word >> 24 == 0x91 => word | low_bits << 10,
        Reloc::Aarch64Ld64GotLo12Nc => word | (low_bits >> 3) << 10,
        _ => return None,
    };
    *bytes = patched.to_le_bytes();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(instruction: u32, place: u64, kind: Reloc, addend: i64, target: u64) -> u32 {
        let mut text = vec![0; place as usize];
        text.extend(instruction.to_le_bytes());
        patch(&mut text, place, kind, addend, target).unwrap();
        u32::from_le_bytes(text[place as usize..].try_into().unwrap())
    }

    #[test]
    fn x86_references_count_from_the_end_of_the_field() {
        let kind = Reloc::X86GOTPCRel4;
        assert_eq!(patched(0, 0x10, kind, -4, 0x2000), 0x1fec);
        assert_eq!(patched(0, 0x10, kind, -4, 0) as i32, -0x14);
    }

    #[test]
    fn aarch64_references_are_a_page_and_a_rest() {
        let adrp = 0x9000_0000;
        let kind = Reloc::Aarch64AdrGotPage21;
        // adrp x0, +5 pages: immlo = 1, immhi = 1
        assert_eq!(patched(adrp, 0x1ffc, kind, 0, 0x6008), 0xb000_0020);
        let ldr = 0xf940_0000;
        let kind = Reloc::Aarch64Ld64GotLo12Nc;
        assert_eq!(patched(ldr, 0, kind, 0, 0x6018), ldr | 3 << 10);
        let add = 0x9100_0000;
        let kind = Reloc::Aarch64AddAbsLo12Nc;
        assert_eq!(patched(add, 0, kind, 0, 0x6018), add | 0x18 << 10);
    }

    #[test]
    fn the_address_of_a_constant_table_is_computed_not_loaded() {
        // mov rax, [rip + x]
        let mut text = vec![0x48, 0x8b, 0x05, 0, 0, 0, 0];
        let kind = Reloc::X86GOTPCRel4;
        relax(&mut text, 3, kind).unwrap();
        patch(&mut text, 3, kind, -4, 0x1000).unwrap();
        assert_eq!(text, [0x48, 0x8d, 0x05, 0xf9, 0x0f, 0, 0], "lea");
        assert!(relax(&mut text, 3, kind).is_none(), "not a load any more");

        // ldr x3, [x2, #x]
        let mut text = 0xf940_0043u32.to_le_bytes();
        let kind = Reloc::Aarch64Ld64GotLo12Nc;
        relax(&mut text, 0, kind).unwrap();
        patch(&mut text, 0, kind, 0, 0x6018).unwrap();
        let add = 0x9100_0043 | 0x18 << 10;
        assert_eq!(u32::from_le_bytes(text), add);
    }

    #[test]
    fn what_is_not_known_or_out_of_reach_is_refused() {
        let mut text = [0; 8];
        assert!(patch(&mut text, 0, Reloc::Abs8, 0, 0).is_none());
        assert!(patch(&mut text, 6, Reloc::X86PCRel4, 0, 0).is_none());
        assert!(patch(&mut text, 0, Reloc::X86PCRel4, 0, 1 << 40).is_none());
    }
}
