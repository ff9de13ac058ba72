//! The encoding of operators, from wasmparser's list of them: a number for each, and its fields.

use std::hash::Hasher as _;

use wasmparser::Operator;

use super::{Bytes, Encoding};

/// A constant in a body.
trait Constant {
    fn encode(self, bytes: &mut Bytes);
}

macro_rules! constants {
    ($($ty:ty: $constant:ident => $encoded:expr;)*) => {
        $(impl Constant for $ty {
            fn encode(self, bytes: &mut Bytes) {
                let $constant = self;
                bytes.write(&$encoded);
            }
        })*
    };
}

constants! {
    i32: value => value.to_le_bytes();
    i64: value => value.to_le_bytes();
    wasmparser::Ieee32: value => value.bits().to_le_bytes();
    wasmparser::Ieee64: value => value.bits().to_le_bytes();
    wasmparser::V128: value => *value.bytes();
}

/// Fields that mean nothing but themselves. Memories are encoded with every function, and the
/// runtime is told indices of segments.
macro_rules! plain_fields {
    ($($name:ident)*) => {
        impl Encoding<'_> {
            $(pub(super) fn $name(&mut self, number: u32) -> Option<()> {
                self.bytes.number(u64::from(number));
                Some(())
            })*
        }
    };
}

plain_fields! { relative_depth local_index mem src_mem dst_mem data_index elem_index }

/// Fields of operators that are never compiled.
macro_rules! refused_fields {
    ($($name:ident: $ty:ty,)*) => {
        #[expect(clippy::wrong_self_convention, reason = "the names are wasmparser's")]
        impl Encoding<'_> {
            $(fn $name(&mut self, _: $ty) -> Option<()> {
                None
            })*
        }
    };
}

refused_fields! {
    array_type_index: u32,
    array_type_index_src: u32,
    array_type_index_dst: u32,
    array_elem_index: u32,
    array_data_index: u32,
    array_size: u32,
    struct_type_index: u32,
    field_index: u32,
    cont_type_index: u32,
    result_index: u32,
    argument_index: u32,
    resume_table: wasmparser::ResumeTable,
    tys: Vec<wasmparser::ValType>,
    from_ref_type: wasmparser::RefType,
    to_ref_type: wasmparser::RefType,
}

impl Encoding<'_> {
    fn table_index(&mut self, index: u32) -> Option<()> {
        self.table(index)
    }

    fn src_table(&mut self, index: u32) -> Option<()> {
        self.table(index)
    }

    fn dst_table(&mut self, index: u32) -> Option<()> {
        self.table(index)
    }

    fn ordering(&mut self, ordering: wasmparser::Ordering) -> Option<()> {
        let number = match ordering {
            wasmparser::Ordering::AcqRel => 0,
            wasmparser::Ordering::SeqCst => 1,
        };
        self.bytes.number(number);
        Some(())
    }

    fn value(&mut self, value: impl Constant) -> Option<()> {
        value.encode(&mut self.bytes);
        Some(())
    }

    fn lane(&mut self, lane: u8) -> Option<()> {
        self.bytes.write(&[lane]);
        Some(())
    }

    fn lanes(&mut self, lanes: [u8; 16]) -> Option<()> {
        self.bytes.write(&lanes);
        Some(())
    }
}

macro_rules! encode_operators {
    ($(@$proposal:ident $op:ident $({ $($field:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        /// Numbers for all operators.
        #[derive(Clone, Copy)]
        enum Number {
            $($op,)*
        }

        impl Encoding<'_> {
            pub(super) fn operator(&mut self, operator: &Operator<'_>) -> Option<()> {
                match operator {
                    $(Operator::$op $({ $($field),* })? => {
                        self.bytes.number(Number::$op as u64);
                        $($(self.$field(Clone::clone($field))?;)*)?
                    })*
                    // The list and the operators are wasmparser's.
                    _ => return None,
                }
                Some(())
            }
        }
    };
}

wasmparser::for_each_operator!(encode_operators);
