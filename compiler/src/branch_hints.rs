//! What the module says about which way its branches go, in the custom section
//! `metadata.code.branch_hint` (branch hinting proposal).

use wasmparser::BranchHintSectionReader;

/// The hints of a module; none if it has no such section.
#[derive(Debug, Default)]
pub(crate) struct BranchHints {
    /// Ascending by function and offset.
    hints: Vec<Hint>,
}

/// Which way an `if` or a `br_if` goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hint {
    func_index: u32,
    /// Where the instruction is, in bytes from the start of the function's body.
    pub(crate) body_offset: u32,
    pub(crate) taken: bool,
}

impl Hint {
    fn place(&self) -> (u32, u32) {
        (self.func_index, self.body_offset)
    }
}

impl BranchHints {
    /// Reads the section; `None` if it is damaged or out of order. That is no error: hints are only
    /// a help for the compiler.
    pub(crate) fn read(section: BranchHintSectionReader<'_>) -> Option<Self> {
        let mut hints: Vec<Hint> = Vec::new();
        for func in section {
            let func = func.ok()?;
            for hint in func.hints {
                let hint = hint.ok()?;
                let hint = Hint {
                    func_index: func.func,
                    body_offset: hint.func_offset,
                    taken: hint.taken,
                };
                if hints
                    .last()
                    .is_some_and(|last| last.place() >= hint.place())
                {
                    return None;
                }
                hints.push(hint);
            }
        }
        Some(Self { hints })
    }

    /// The hints of one function.
    pub(crate) fn of(&self, func_index: u32) -> &[Hint] {
        let place = |limit| self.hints.partition_point(|hint| hint.func_index < limit);
        let end = func_index.checked_add(1).map_or(self.hints.len(), place);
        &self.hints[place(func_index)..end]
    }

    /// Whether the branch at `body_offset` is likely to be taken; `None` if nothing is said.
    pub(crate) fn likely(&self, func_index: u32, body_offset: u32) -> Option<bool> {
        let place = (func_index, body_offset);
        let found = self.hints.binary_search_by_key(&place, Hint::place);
        found.ok().map(|index| self.hints[index].taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::BinaryReader;

    fn read(section: &[u8]) -> Option<BranchHints> {
        BranchHints::read(BranchHintSectionReader::new(BinaryReader::new(section, 0)).ok()?)
    }

    /// Function 1 with hints at 3 and at 9, function 4 with one at 3.
    const TWO_FUNCTIONS: [u8; 14] = [2, 1, 2, 3, 1, 0, 9, 1, 1, 4, 1, 3, 1, 1];

    #[test]
    fn hints_are_found_by_function_and_offset() {
        let hints = read(&TWO_FUNCTIONS).unwrap();
        assert_eq!(hints.likely(1, 3), Some(false));
        assert_eq!(hints.likely(1, 9), Some(true));
        assert_eq!(hints.likely(4, 3), Some(true));
        for (func_index, body_offset) in [(0, 3), (1, 4), (4, 9), (5, 3)] {
            assert_eq!(hints.likely(func_index, body_offset), None);
        }
        assert_eq!(BranchHints::default().likely(0, 0), None);
    }

    #[test]
    fn a_function_has_its_own_hints() {
        let hints = read(&TWO_FUNCTIONS).unwrap();
        let of = |func_index| {
            let hints = hints.of(func_index).iter();
            hints
                .map(|hint| (hint.body_offset, hint.taken))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(1), [(3, false), (9, true)]);
        assert_eq!(of(4), [(3, true)]);
        for func_index in [0, 2, 5, u32::MAX] {
            assert_eq!(of(func_index), []);
        }
    }

    #[test]
    fn a_damaged_section_says_nothing() {
        for len in 0..TWO_FUNCTIONS.len() {
            assert!(read(&TWO_FUNCTIONS[..len]).is_none(), "cut off at {len}");
        }
        let mut longer = TWO_FUNCTIONS.to_vec();
        longer.push(0);
        assert!(read(&longer).is_none(), "bytes left over");
        for (index, wrong) in [(3, 9), (1, 5), (9, 1), (4, 2), (5, 2), (0, 0xff)] {
            let mut damaged = TWO_FUNCTIONS;
            damaged[index] = wrong;
            assert!(read(&damaged).is_none(), "{wrong} at {index}");
        }
    }
}
