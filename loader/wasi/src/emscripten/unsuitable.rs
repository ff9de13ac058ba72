//! Programs that have been linked otherwise than the helpers need.

use std::fmt;

use precast_loader::{Error, FuncType, ValType};

use super::{INVOKE, exports};

/// Why the helpers for `setjmp` cannot be given to a program: it must be linked with other flags. What it displays
/// says with which.
///
/// [`for_module`](super::for_module) fails with an error that holds it.
///
/// ```
/// use precast_loader::Error;
/// use precast_wasi::emscripten::Unsuitable;
///
/// /// Whether the program must be linked otherwise.
/// fn is_badly_linked(error: &Error) -> bool {
///     error.downcast_ref::<Unsuitable>().is_some()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsuitable {
    /// The program does not export what it must, or something else under that name.
    MissingExports {
        /// The names of these functions, and of the table.
        names: Vec<&'static str>,
    },
    /// A function passes 64-bit integers in halves, as JavaScript once wanted them.
    SplitIntegers {
        /// The name that it is imported by.
        import: String,
    },
}

impl Unsuitable {
    pub(super) fn missing(names: Vec<&'static str>) -> Error {
        Error::host(Unsuitable::MissingExports { names })
    }

    /// Fails if the import, an `invoke_…`, has fewer 64-bit integers in its type than in its name, where each letter
    /// is a type and `j` is `i64`.
    pub(super) fn check_integers(import: &str, ty: &FuncType) -> Result<(), Error> {
        let letters = import.strip_prefix(INVOKE).unwrap_or_default();
        let named = letters.chars().filter(|letter| *letter == 'j').count();
        let types = ty.params.iter().chain(ty.results.iter());
        let found = types.filter(|ty| **ty == ValType::I64).count();
        if found < named {
            let import = import.to_owned();
            return Err(Error::host(Unsuitable::SplitIntegers { import }));
        }
        Ok(())
    }
}

impl fmt::Display for Unsuitable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsuitable::MissingExports { names } => {
                f.write_str("a program that uses setjmp must export what helps it; missing:")?;
                for name in names {
                    write!(f, " `{name}`")?;
                }
                f.write_str("; link it with emcc -sSTANDALONE_WASM -Wl")?;
                for name in names {
                    if *name == exports::TABLE {
                        f.write_str(",--export-table")?;
                    } else {
                        write!(f, ",--export={name}")?;
                    }
                }
                Ok(())
            }
            Unsuitable::SplitIntegers { import } => write!(
                f,
                "`{import}` passes 64-bit integers in halves; link the program with emcc -sWASM_BIGINT"
            ),
        }
    }
}

impl std::error::Error for Unsuitable {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_the_flags_that_bring_it() {
        let check = |names: &[&'static str], expected: &str| {
            let names = names.to_vec();
            let said = Unsuitable::MissingExports { names }.to_string();
            assert!(said.ends_with(expected), "{said}");
        };
        check(
            &["setThrew", "_emscripten_stack_restore"],
            "missing: `setThrew` `_emscripten_stack_restore`; link it with emcc -sSTANDALONE_WASM \
             -Wl,--export=setThrew,--export=_emscripten_stack_restore",
        );
        check(
            &["__indirect_function_table"],
            "missing: `__indirect_function_table`; link it with emcc -sSTANDALONE_WASM \
             -Wl,--export-table",
        );
    }

    #[test]
    fn integers_in_halves_are_noticed() {
        use ValType::{F64, I32, I64};
        let check = |import, params: &[ValType], results: &[ValType], expected: bool| {
            let ty = FuncType::new(params.iter().copied(), results.iter().copied());
            let found = Unsuitable::check_integers(import, &ty);
            assert_eq!(found.is_ok(), expected, "{import}: {ty}");
        };
        check("invoke_vij", &[I32, I32, I64], &[], true);
        check("invoke_vij", &[I32, I32, I32, I32], &[], false);
        check("invoke_j", &[I32], &[I32], false);
        check("invoke_jj", &[I32, I64], &[I64], true);
        check("invoke_jj", &[I32, I64], &[I32], false);
        check("invoke_dd", &[I32, F64], &[F64], true);
        check("invoke_vi", &[I32, I64], &[], true);
    }
}
