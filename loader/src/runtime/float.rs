//! Rounding, for CPUs without an instruction for it.
//!
//! WebAssembly wants a quiet NaN for any NaN (core specification, 4.3.3); what the C library makes
//! of a signalling one is its own affair, so NaNs do not get that far.

macro_rules! rounding {
    ($($name:ident($ty:ident) = $round:ident;)*) => {$(
        pub(super) extern "C" fn $name(x: $ty) -> $ty {
            if x.is_nan() {
                let quiet = 1 << ($ty::MANTISSA_DIGITS - 2);
                return $ty::from_bits(x.to_bits() | quiet);
            }
            x.$round()
        }
    )*};
}

rounding! {
    ceil_f32(f32) = ceil;
    ceil_f64(f64) = ceil;
    floor_f32(f32) = floor;
    floor_f64(f64) = floor;
    trunc_f32(f32) = trunc;
    trunc_f64(f64) = trunc;
    nearest_f32(f32) = round_ties_even;
    nearest_f64(f64) = round_ties_even;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_even_and_zeros_keep_their_sign() {
        let check = |x: f64, [ceil, floor, trunc, nearest]: [f64; 4]| {
            for (found, expected) in [
                (ceil_f64(x), ceil),
                (floor_f64(x), floor),
                (trunc_f64(x), trunc),
                (nearest_f64(x), nearest),
                (f64::from(ceil_f32(x as f32)), ceil),
                (f64::from(floor_f32(x as f32)), floor),
                (f64::from(trunc_f32(x as f32)), trunc),
                (f64::from(nearest_f32(x as f32)), nearest),
            ] {
                assert_eq!(
                    found.to_bits(),
                    expected.to_bits(),
                    "{x}: {found} {expected}"
                );
            }
        };
        check(2.5, [3.0, 2.0, 2.0, 2.0]);
        check(3.5, [4.0, 3.0, 3.0, 4.0]);
        check(-0.5, [-0.0, -1.0, -0.0, -0.0]);
        check(-0.0, [-0.0; 4]);
        check(f64::NEG_INFINITY, [f64::NEG_INFINITY; 4]);
    }

    #[test]
    fn a_signalling_nan_becomes_quiet() {
        let signalling = f32::from_bits(0xff80_0001);
        assert_eq!(ceil_f32(signalling).to_bits(), 0xffc0_0001);
        let signalling = f64::from_bits(0x7ff0_0000_0000_0001);
        assert_eq!(nearest_f64(signalling).to_bits(), 0x7ff8_0000_0000_0001);
    }
}
