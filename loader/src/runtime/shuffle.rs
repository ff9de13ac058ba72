//! SSSE3's `pshufb`, for x86-64 CPUs without it.
#![cfg_attr(
    target_arch = "x86_64",
    allow(unsafe_code, reason = "vectors are looked at as bytes")
)]

/// The function's address; `None` on machines that have no such instruction.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn pshufb() -> Option<*const ()> {
    None
}

/// The function's address.
#[cfg(target_arch = "x86_64")]
#[allow(clippy::unnecessary_wraps, reason = "there is none on other machines")]
pub(super) fn pshufb() -> Option<*const ()> {
    Some(x86::pshufb as *const ())
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::__m128i;
    use std::mem::transmute;

    #[allow(
        improper_ctypes_definitions,
        reason = "the C convention of System V passes these vectors in registers, as wanted"
    )]
    pub(super) extern "C" fn pshufb(bytes: __m128i, indices: __m128i) -> __m128i {
        // SAFETY: all three are 16 bytes without padding, of which any value is valid.
        unsafe {
            let bytes = transmute::<__m128i, [u8; 16]>(bytes);
            let shuffled = shuffle(bytes, transmute::<__m128i, [u8; 16]>(indices));
            transmute::<[u8; 16], __m128i>(shuffled)
        }
    }

    /// Each index picks a byte by its low four bits, or zero if its highest bit is set.
    pub(super) fn shuffle(bytes: [u8; 16], indices: [u8; 16]) -> [u8; 16] {
        indices.map(|index| match index & 0x80 {
            0 => bytes[usize::from(index & 0xf)],
            _ => 0,
        })
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::x86::shuffle;

    #[test]
    fn indices_pick_bytes_or_zero() {
        let bytes: [u8; 16] = std::array::from_fn(|i| 100 + i as u8);
        let mut indices = [0x80; 16];
        indices[..4].copy_from_slice(&[15, 0x1f, 0xff, 3]);
        let mut expected = [0; 16];
        expected[..4].copy_from_slice(&[115, 115, 0, 103]);
        assert_eq!(shuffle(bytes, indices), expected);
    }
}
