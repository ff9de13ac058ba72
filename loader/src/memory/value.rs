//! Rust types that stand for bytes of linear memory.

use crate::store::sealed::Sealed;

/// A Rust type that can be read from linear memory and written to it: integers of 8 to 128 bits,
/// `f32`, `f64`, and arrays of these. They stand there without padding, in little-endian order,
/// whatever the host's, and need not be aligned.
///
/// Only this crate implements it.
///
/// ```
/// use precast_loader::{AsStore, Error, Memory, MemoryTy};
///
/// /// Follows a pointer that stands at `at`.
/// fn follow<T: MemoryTy>(store: &impl AsStore, memory: Memory, at: u64) -> Result<T, Error> {
///     let pointer = memory.load::<u32>(store, at)?;
///     memory.load(store, pointer.into())
/// }
/// ```
pub trait MemoryTy: Sealed + Copy + 'static {
    /// How many bytes it takes.
    #[doc(hidden)]
    const BYTES: usize;

    /// Reads it from just so many bytes.
    #[doc(hidden)]
    fn from_memory(bytes: &[u8]) -> Self;

    /// Writes it to just so many bytes.
    #[doc(hidden)]
    fn to_memory(self, bytes: &mut [u8]);
}

macro_rules! numbers {
    ($($ty:ty)*) => {$(
        impl MemoryTy for $ty {
            const BYTES: usize = size_of::<Self>();

            #[inline]
            fn from_memory(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<Self>()];
                own.copy_from_slice(bytes);
                Self::from_le_bytes(own)
            }

            #[inline]
            fn to_memory(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

numbers! { u8 i8 u16 i16 u32 i32 u64 i64 u128 i128 f32 f64 }

// The others are values of WebAssembly's too, and sealed as such.
impl Sealed for u8 {}
impl Sealed for i8 {}
impl Sealed for u16 {}
impl Sealed for i16 {}
impl Sealed for i128 {}

impl<T: MemoryTy, const N: usize> Sealed for [T; N] {}

impl<T: MemoryTy, const N: usize> MemoryTy for [T; N] {
    const BYTES: usize = T::BYTES * N;

    #[inline]
    fn from_memory(bytes: &[u8]) -> Self {
        std::array::from_fn(|index| T::from_memory(&bytes[index * T::BYTES..][..T::BYTES]))
    }

    #[inline]
    fn to_memory(self, bytes: &mut [u8]) {
        for (index, item) in self.into_iter().enumerate() {
            item.to_memory(&mut bytes[index * T::BYTES..][..T::BYTES]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: MemoryTy + PartialEq + std::fmt::Debug>(value: T, expected: &[u8]) {
        assert_eq!(T::BYTES, expected.len());
        let mut bytes = vec![0xaa; expected.len()];
        value.to_memory(&mut bytes);
        assert_eq!(bytes, expected);
        assert_eq!(T::from_memory(&bytes), value);
    }

    #[test]
    fn numbers_and_arrays_stand_in_little_endian_order_without_padding() {
        check(0x12u8, &[0x12]);
        check(-2i8, &[0xfe]);
        check(0x1234u16, &[0x34, 0x12]);
        check(-2i16, &[0xfe, 0xff]);
        check(0x1234_5678u32, &[0x78, 0x56, 0x34, 0x12]);
        check(-2i32, &[0xfe, 0xff, 0xff, 0xff]);
        check(1u64 << 56, &[0, 0, 0, 0, 0, 0, 0, 1]);
        check(i64::MIN, &[0, 0, 0, 0, 0, 0, 0, 0x80]);
        check(1u128, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        check(-1i128, &[0xff; 16]);
        check(1.0f32, &[0, 0, 0x80, 0x3f]);
        check(-2.0f64, &[0, 0, 0, 0, 0, 0, 0, 0xc0]);
        check(
            [[1u16, 2], [3, 4], [5, 6]],
            &[1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0],
        );
        check([0u64; 0], &[]);
    }

    #[test]
    fn floats_keep_their_bits() {
        let signalling = 0x7ff0_0000_0000_0001u64.to_le_bytes();
        let mut bytes = [0; 8];
        f64::from_memory(&signalling).to_memory(&mut bytes);
        assert_eq!(bytes, signalling);
    }
}
