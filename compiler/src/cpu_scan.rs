//! Which CPU features a function's machine code really uses.
//!
//! The code generator does not say, so the code is decoded again by an independent decoder. Code
//! and data (jump tables, constants) lie mixed in a function, so decoding starts from the basic
//! blocks, which the code generator names, and follows branches; it never runs into data.

use iced_x86::{CpuidFeature, Decoder, DecoderOptions, FlowControl, Instruction};
use precast_artifacts_format::{Arch, CpuFeature, CpuFeatures, Target};

/// The features that `code` uses, out of those that were `allowed`.
///
/// `blocks` are the offsets at which basic blocks start. Without any, a function that branches
/// through a table counts as one that cannot be told apart.
pub(crate) fn used_features(
    code: &[u8],
    blocks: &[u32],
    target: Target,
    allowed: CpuFeatures,
) -> CpuFeatures {
    // What cannot be told apart is taken as used: the artifact then asks for too much, never for
    // too little.
    if allowed.is_empty() || target.arch != Arch::X86_64 {
        return allowed;
    }
    scan_x86(code, blocks, allowed)
}

fn scan_x86(code: &[u8], blocks: &[u32], allowed: CpuFeatures) -> CpuFeatures {
    let mut used = CpuFeatures::NONE;
    let mut seen = vec![false; code.len()];
    let mut starts: Vec<usize> = blocks.iter().map(|&start| start as usize).collect();
    starts.push(0);
    let mut instruction = Instruction::default();
    while let Some(start) = starts.pop() {
        let Some(rest) = code.get(start..) else {
            continue;
        };
        let mut decoder = Decoder::with_ip(64, rest, start as u64, DecoderOptions::NONE);
        while decoder.can_decode() {
            let at = decoder.ip() as usize;
            if std::mem::replace(&mut seen[at], true) {
                break;
            }
            decoder.decode_out(&mut instruction);
            if instruction.is_invalid() {
                return allowed;
            }
            for feature in instruction.cpuid_features() {
                match known(*feature) {
                    Known::Base => {}
                    Known::Feature(feature) => used.insert(feature),
                    Known::No => return allowed,
                }
            }
            match instruction.flow_control() {
                FlowControl::Next
                | FlowControl::Call
                | FlowControl::IndirectCall
                | FlowControl::Interrupt => {}
                FlowControl::ConditionalBranch => {
                    starts.push(instruction.near_branch_target() as usize);
                }
                FlowControl::UnconditionalBranch => {
                    starts.push(instruction.near_branch_target() as usize);
                    break;
                }
                FlowControl::IndirectBranch if blocks.is_empty() => return allowed,
                FlowControl::Return
                | FlowControl::IndirectBranch
                | FlowControl::Exception
                | FlowControl::XbeginXabortXend => break,
            }
        }
    }
    used
}

enum Known {
    /// Every x86-64 CPU has it.
    Base,
    Feature(CpuFeature),
    No,
}

fn known(feature: CpuidFeature) -> Known {
    use CpuidFeature as Id;
    Known::Feature(match feature {
        Id::INTEL8086
        | Id::INTEL186
        | Id::INTEL286
        | Id::INTEL386
        | Id::INTEL486
        | Id::X64
        | Id::CPUID
        | Id::CMOV
        | Id::CX8
        | Id::FPU
        | Id::MMX
        | Id::FXSR
        | Id::SSE
        | Id::SSE2
        | Id::MULTIBYTENOP
        | Id::PAUSE => return Known::Base,
        Id::SSE3 => CpuFeature::Sse3,
        Id::SSSE3 => CpuFeature::Ssse3,
        Id::SSE4_1 => CpuFeature::Sse41,
        Id::SSE4_2 => CpuFeature::Sse42,
        Id::POPCNT => CpuFeature::Popcnt,
        Id::CMPXCHG16B => CpuFeature::Cmpxchg16b,
        Id::AVX => CpuFeature::Avx,
        Id::AVX2 => CpuFeature::Avx2,
        Id::BMI1 => CpuFeature::Bmi1,
        Id::BMI2 => CpuFeature::Bmi2,
        Id::F16C => CpuFeature::F16c,
        Id::FMA => CpuFeature::Fma,
        Id::LZCNT => CpuFeature::Lzcnt,
        Id::MOVBE => CpuFeature::Movbe,
        Id::AVX512F => CpuFeature::Avx512f,
        Id::AVX512BW => CpuFeature::Avx512bw,
        Id::AVX512CD => CpuFeature::Avx512cd,
        Id::AVX512DQ => CpuFeature::Avx512dq,
        Id::AVX512VL => CpuFeature::Avx512vl,
        Id::AVX512_BITALG => CpuFeature::Avx512bitalg,
        Id::AVX512_VBMI => CpuFeature::Avx512vbmi,
        Id::AVX512_VNNI => CpuFeature::Avx512vnni,
        Id::AVX_VNNI => CpuFeature::AvxVnni,
        _ => return Known::No,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use precast_artifacts_format::{CpuLevel, Os};

    fn scan(code: &[u8], blocks: &[u32]) -> String {
        let target = Target {
            arch: Arch::X86_64,
            os: Os::Linux,
        };
        let allowed = CpuLevel::X86_64(4).features();
        used_features(code, blocks, target, allowed).to_string()
    }

    #[test]
    fn instructions_name_their_features() {
        assert_eq!(scan(&[0x48, 0x01, 0xd0, 0xc3], &[]), "none", "add");
        let popcnt = [0xf3, 0x48, 0x0f, 0xb8, 0xc0, 0xc3];
        assert_eq!(scan(&popcnt, &[]), "popcnt");
        let vaddsd = [0xc5, 0xfb, 0x58, 0xc0, 0xc3];
        assert_eq!(scan(&vaddsd, &[]), "avx");
    }

    #[test]
    fn data_behind_a_jump_is_not_decoded() {
        // jmp +5; five bytes that would be vaddsd; ret
        let code = [0xeb, 5, 0xc5, 0xfb, 0x58, 0xc0, 0xc3, 0xc3];
        assert_eq!(scan(&code, &[]), "none");
        assert_eq!(scan(&code, &[2]), "avx", "unless a block starts there");
    }
}
