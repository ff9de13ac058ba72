//! Which types are the same.
//!
//! WebAssembly's types are declared in recursion groups, whose members may refer to one another.
//! Two types are equal if they stand at the same place of equal groups, and groups are equal if
//! they read the same with references within the group counted from its start (core specification,
//! 3.1, "Rolling and Unrolling"). So a group, written that way, is the key by which its types
//! are numbered:
//!
//! ```text
//! (type $a (func))                               ids:  $a 0
//! (rec (type $b (func (param (ref $a) (ref $c))))      $b 1   key: param (ref 0) (ref rec.1)
//!      (type $c (func)))                               $c 2        —
//! ```

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{FuncType, ValType};

/// A declared type: a function type and its place among the others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SubType {
    /// Whether no type may be declared a subtype of it.
    pub is_final: bool,
    /// The type that it is declared a subtype of.
    pub supertype: Option<u32>,
    /// What it is.
    pub func: FuncType,
}

impl SubType {
    /// A type without sub- and supertypes.
    pub fn plain(func: FuncType) -> Self {
        Self {
            is_final: true,
            supertype: None,
            func,
        }
    }

    /// The same type with the numbers of other types replaced.
    #[must_use]
    pub fn map_types(&self, number: impl Fn(u32) -> u32 + Copy) -> Self {
        Self {
            is_final: self.is_final,
            supertype: self.supertype.map(number),
            func: self.func.map_types(number),
        }
    }

    /// The numbers of other types in it.
    pub fn type_numbers(&self) -> impl Iterator<Item = u32> {
        let FuncType { params, results } = &self.func;
        let values = params.iter().chain(results).filter_map(|ty| match ty {
            ValType::Ref(ty) => ty.heap.concrete(),
            _ => None,
        });
        values.chain(self.supertype)
    }
}

impl fmt::Display for SubType {
    /// Writes the type as the text format does: `(sub final 3 (func))`, or without `sub` where it
    /// has no sub- and supertypes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_final && self.supertype.is_none() {
            return self.func.fmt(f);
        }
        f.write_str("(sub ")?;
        if self.is_final {
            f.write_str("final ")?;
        }
        if let Some(supertype) = self.supertype {
            write!(f, "{supertype} ")?;
        }
        write!(f, "{})", self.func)
    }
}

/// In a key: set in numbers that count from the start of the group.
const WITHIN: u32 = 1 << 31;

/// Gives equal types the same number.
#[derive(Debug, Default)]
pub struct TypeInterner {
    /// From a group, with references as in the module doc, to the number of its first type.
    groups: HashMap<Box<[SubType]>, u32>,
    next: u32,
}

/// What became of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interned {
    /// The number of the group's first type; the others follow.
    pub first: u32,
    /// Whether the group was not known before.
    pub is_new: bool,
}

impl TypeInterner {
    /// Numbers the types of `group`, whose own indices start at `start`; `ids` are the numbers of
    /// the types before that. `None` if there are too many types, or if an index in the group is
    /// neither among those nor in the group.
    pub fn intern(&mut self, group: &[SubType], start: u32, ids: &[u32]) -> Option<Interned> {
        let count = u32::try_from(group.len()).ok()?;
        let end = start.checked_add(count)?;
        let mut refers = false;
        for number in group.iter().flat_map(SubType::type_numbers) {
            refers = true;
            let known = (number as usize) < ids.len() && number < start;
            if !known && !(start..end).contains(&number) {
                return None;
            }
        }
        let known = if refers {
            let key = |number: u32| match number.checked_sub(start) {
                Some(within) => WITHIN | within,
                None => ids.get(number as usize).copied().unwrap_or(WITHIN),
            };
            let group: Box<[_]> = group.iter().map(|ty| ty.map_types(key)).collect();
            self.find_or_add(group.as_ref(), count)
        } else {
            self.find_or_add(group, count)
        };
        known.filter(|interned| interned.first.checked_add(count).is_some())
    }

    /// Numbers a type that stands alone and refers to types by the numbers they have here. `None`
    /// as for [`TypeInterner::intern`].
    pub fn intern_alone(&mut self, ty: &SubType) -> Option<Interned> {
        let known = ty.type_numbers().all(|number| number < self.next);
        if known {
            self.find_or_add(std::slice::from_ref(ty), 1)
        } else {
            None
        }
    }

    fn find_or_add(&mut self, key: &[SubType], count: u32) -> Option<Interned> {
        if let Some(&first) = self.groups.get(key) {
            let is_new = false;
            return Some(Interned { first, is_new });
        }
        let first = self.next;
        self.next = first.checked_add(count).filter(|&next| next < WITHIN)?;
        self.groups.insert(key.into(), first);
        let is_new = true;
        Some(Interned { first, is_new })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{HeapType, RefType};

    /// A type that takes references to types of these numbers.
    fn taking(numbers: &[u32]) -> SubType {
        let param = |&number: &u32| ValType::Ref(RefType::nullable(HeapType::Concrete(number)));
        SubType::plain(FuncType::new(numbers.iter().map(param), []))
    }

    fn first(interned: Option<Interned>) -> u32 {
        interned.unwrap().first
    }

    #[test]
    fn equal_groups_have_equal_numbers() {
        let mut interner = TypeInterner::default();
        let nothing = [taking(&[])];
        assert_eq!(first(interner.intern(&nothing, 0, &[])), 0);
        assert_eq!(first(interner.intern(&nothing, 9, &[0; 9])), 0);
        // A pair whose members refer to one another and to the type before.
        let pair = |start: u32, plain: u32| [taking(&[start + 1, plain]), taking(&[start])];
        let found = interner.intern(&pair(1, 0), 1, &[0]).unwrap();
        assert_eq!((found.first, found.is_new), (1, true));
        // The same, further behind in another module.
        let found = interner.intern(&pair(5, 4), 5, &[8, 8, 8, 8, 0]).unwrap();
        assert_eq!((found.first, found.is_new), (1, false));
        // The same with another plain type.
        assert_eq!(first(interner.intern(&pair(5, 3), 5, &[8, 8, 8, 8, 0])), 3);
    }

    #[test]
    fn a_type_in_a_group_differs_from_the_same_type_alone() {
        let mut interner = TypeInterner::default();
        let twice = [taking(&[]), taking(&[])];
        assert_eq!(first(interner.intern(&twice[..1], 0, &[])), 0);
        assert_eq!(first(interner.intern(&twice, 0, &[])), 1);
        let mut open = taking(&[]);
        open.is_final = false;
        assert_eq!(first(interner.intern(&[open], 0, &[])), 3);
    }

    #[test]
    fn indices_beyond_the_group_are_refused() {
        let mut interner = TypeInterner::default();
        assert_eq!(interner.intern(&[taking(&[1])], 0, &[]), None);
        assert_eq!(interner.intern(&[taking(&[0])], 1, &[]), None);
        assert!(interner.intern(&[taking(&[0])], 0, &[]).is_some());
        assert_eq!(interner.intern(&[taking(&[])], u32::MAX, &[]), None);
    }
}
