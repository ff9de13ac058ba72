//! Validation without compilation.

use wasmparser::{
    FuncValidator, FuncValidatorAllocations, FunctionBody, OperatorsReader, ValidPayload,
    WasmModuleResources,
};

use crate::error::CompileError;
use crate::limits::{Budget, Limits};
use crate::options::Options;
use crate::parse::{check_encoding, start};

/// Whether `wasm` is a valid module, function bodies included. Compiles nothing.
///
/// [`compile`](crate::compile) validates too, but stops at the first thing that it does not
/// support. This goes on past such things, so that what it accepts may still be too much for the
/// compiler.
///
/// # Errors
///
/// - [`CompileError::Invalid`] if it is no valid module.
/// - [`CompileError::Unsupported`] if it is a component.
/// - [`CompileError::Limit`] if it is larger than any module may be, or than the options' limits say.
///
/// # Examples
///
/// ```
/// use precast_compiler::{CompileError, Options, validate};
///
/// let options = Options::default();
/// # let wasm = |text| wat::parse_str(text).unwrap();
/// validate(&wasm("(module (func (result i32) (i32.const 1)))"), &options)?;
///
/// let error = validate(&wasm("(module (func (result i32)))"), &options).unwrap_err();
/// assert!(matches!(error, CompileError::Invalid { .. }), "{error}");
/// # Ok::<(), CompileError>(())
/// ```
pub fn validate(wasm: &[u8], options: &Options) -> Result<(), CompileError> {
    let (parser, mut validator) = start(wasm, options)?;
    let limits = &options.limits;
    let budget = Budget::start(limits);
    let mut allocations = FuncValidatorAllocations::default();
    for payload in parser.parse_all(wasm) {
        let payload = payload?;
        check_encoding(&payload)?;
        budget.check_time()?;
        let ValidPayload::Func(validate, body) = validator.payload(&payload)? else {
            limits.check_section(&validator)?;
            continue;
        };
        limits.check_body(&body)?;
        let mut body_validator = validate.into_validator(allocations);
        validate_body(&body, &mut body_validator, limits, &budget)?;
        allocations = body_validator.into_allocations();
    }
    Ok(())
}

/// Validates a body and compares it with the limits.
pub(crate) fn validate_body<T: WasmModuleResources>(
    body: &FunctionBody<'_>,
    validator: &mut FuncValidator<T>,
    limits: &Limits,
    budget: &Budget,
) -> Result<(), CompileError> {
    limits.check_locals(body, validator)?;
    let mut reader = body.get_binary_reader();
    validator.read_locals(&mut reader)?;
    let mut operators_read = 0;
    let mut operators = OperatorsReader::new(reader);
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        validator.op(offset, &operator)?;
        limits.check_operator(validator)?;
        budget.check_time_sometimes(&mut operators_read)?;
    }
    operators.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), CompileError> {
        let wasm = wat::parse_str(text).unwrap();
        validate(&wasm, &Options::default())
    }

    #[test]
    fn what_is_not_supported_is_still_valid_or_not() {
        let valid =
            "(module (type (struct)) (memory i64 1) (func (drop (i64.load (i64.const 0)))))";
        assert_eq!(check(valid), Ok(()));
        let invalid =
            "(module (type (struct)) (memory i64 1) (func (drop (i64.load (i32.const 0)))))";
        assert!(matches!(check(invalid), Err(CompileError::Invalid { .. })));
    }

    #[test]
    fn all_bodies_are_looked_at() {
        let error = check("(module (func) (func) (func (result i32)))").unwrap_err();
        assert!(matches!(error, CompileError::Invalid { .. }), "{error}");
    }

    #[test]
    fn components_and_other_bytes_are_refused() {
        let options = Options::default();
        let error = check("(component)").unwrap_err();
        assert!(matches!(error, CompileError::Unsupported { .. }), "{error}");
        for bytes in [&b""[..], b"\x7fELF", b"\0asm\x01\0\0"] {
            let error = validate(bytes, &options).unwrap_err();
            assert!(matches!(error, CompileError::Invalid { .. }), "{error}");
        }
    }
}
