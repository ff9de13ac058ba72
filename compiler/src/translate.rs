//! One function body, from WebAssembly's operators to Cranelift's IR.
//!
//! Operators are validated one by one as they are translated, so a body is decoded once. The
//! operand stack becomes SSA values, locals become the frontend's variables, and structured
//! control becomes blocks ([`control`]). The other modules hold one group of operators each.
//! Code after an unconditional branch is validated but not translated.

mod atomic;
mod call;
mod canonical;
mod control;
mod exception;
mod fuel;
mod listening;
mod locals;
mod memory;
mod numeric;
mod simd;
mod table;
mod variable;
mod wide;

use cranelift_codegen::ir::{Function, InstBuilder as _, SourceLoc, UserFuncName, Value, types};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use precast_artifacts_format::ValType;
use smallvec::SmallVec;
use wasmparser::{
    BlockType, FuncToValidate, FuncValidator, FuncValidatorAllocations, Operator,
    ValidatorResources,
};

use crate::env::{FuncEnv, ModuleEnv, clif_type};
use crate::error::CompileError;
use crate::module::{Body, Module};
use crate::parse;
use crate::validate::validate_body;

use control::{Cold, Frame};
use exception::Exceptions;
use fuel::Segment;
use listening::Listening;
use locals::Locals;

type Result<T, E = CompileError> = std::result::Result<T, E>;

/// Operands of a branch, a call or a return.
type Values = SmallVec<[Value; 8]>;

/// What one translation leaves to the next, to save allocations.
#[derive(Default)]
pub(crate) struct Scratch {
    builder: FunctionBuilderContext,
    validator: FuncValidatorAllocations,
    stack: Vec<Value>,
    control: Vec<Frame>,
    locals: Locals,
}

/// How many values the branches and calls of a function may pass, plus one per byte of its body.
/// Each passes up to 1,000 of them, and takes two or three bytes.
const MAX_PASSED_VALUES: usize = 1 << 20;

/// What makes a translated function costly to compile, besides the number of its instructions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extent {
    /// Values that branches and calls pass, counted each time, and results of calls and blocks.
    pub(crate) passed_values: usize,
    /// The most operands that were on the stack at once.
    pub(crate) tallest_stack: usize,
}

impl Extent {
    /// Whether what is passed is in proportion to the body.
    fn check(&self, body_bytes: usize) -> Result<()> {
        let limit = MAX_PASSED_VALUES + body_bytes;
        if self.passed_values > limit {
            return Err(CompileError::Limit {
                what: "the branches and calls of a function pass too many values",
                limit: limit as u64,
                name: None,
            });
        }
        Ok(())
    }
}

/// How many values a branch to a frame takes with it.
fn branch_arity(module: &Module<'_>, frame: &wasmparser::Frame) -> usize {
    let is_loop = frame.kind == wasmparser::FrameKind::Loop;
    match frame.block_type {
        BlockType::Empty => 0,
        BlockType::Type(_) => usize::from(!is_loop),
        BlockType::FuncType(index) => {
            let ty = module.type_at(module.unique_type(index));
            let values = if is_loop { &ty.params } else { &ty.results };
            values.len()
        }
    }
}

fn validator(body: &Body<'_>, scratch: &mut Scratch) -> FuncValidator<ValidatorResources> {
    let validate = FuncToValidate {
        resources: body.validate.resources.clone(),
        index: body.validate.index,
        ty: body.validate.ty,
        features: body.validate.features,
    };
    validate.into_validator(std::mem::take(&mut scratch.validator))
}

/// Validates a body that has been translated before, in a module where all that it names was the
/// same: [`translate`] refuses some that would take long.
pub(crate) fn validate(env: &ModuleEnv<'_>, body: &Body<'_>, scratch: &mut Scratch) -> Result<()> {
    let mut validator = validator(body, scratch);
    validate_body(&body.body, &mut validator, &env.limits, env.budget)?;
    scratch.validator = validator.into_allocations();
    Ok(())
}

/// Validates the body of the function at `func_index` and translates it into `func`, which must
/// be empty.
pub(crate) fn translate(
    env: &ModuleEnv<'_>,
    func_index: u32,
    body: &Body<'_>,
    scratch: &mut Scratch,
    func: &mut Function,
) -> Result<Extent> {
    let ty = env.module.funcs[func_index as usize];
    func.signature = env.signature(ty).clone();
    func.name = UserFuncName::user(0, func_index);

    let mut validator = validator(body, scratch);
    let mut reader = body.body.get_binary_reader();
    env.limits.check_locals(&body.body, &validator)?;
    validator.read_locals(&mut reader)?;

    let mut builder = FunctionBuilder::new(func, &mut scratch.builder);
    builder.set_srcloc(source_location(body.body.range().start));
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    builder.seal_block(entry);
    scratch.stack.clear();
    scratch.control.clear();
    let mut func_env = FuncEnv::new(env, &mut builder);
    func_env.load_memory_bases(&mut builder);
    let mut translator = Translator {
        env: func_env,
        builder,
        stack: &mut scratch.stack,
        control: &mut scratch.control,
        locals: &mut scratch.locals,
        extent: Extent::default(),
        reachable: true,
        skipped_blocks: 0,
        fuel: env.tunables.fuel.then_some(Segment::FIRST),
        listening: None,
        func_index,
        body_offset: body.body.range().start,
        cold: None,
        exceptions: Exceptions::default(),
    };
    let params = env.module.type_at(ty).params.iter().copied();
    let values = translator.builder.block_params(entry)[1..].to_vec();
    translator.tell_enter(func_index, ty);
    let params = params.zip(values);
    translator
        .locals
        .start(env.module, &mut translator.builder, params, &body.body)?;
    translator.enter_function(ty);

    let body_bytes = body.body.as_bytes().len();
    let mut operators_read = 0;
    let mut operators = wasmparser::OperatorsReader::new(reader);
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        if let Operator::BrTable { targets } = &operator {
            // Validation looks at each value once for each target.
            let frame = validator.get_control_frame(targets.default() as usize);
            let arity = frame.map_or(0, |frame| branch_arity(env.module, frame));
            translator.extent.passed_values += arity * targets.len() as usize;
            translator.extent.check(body_bytes)?;
        }
        validator.op(offset, &operator)?;
        env.limits.check_operator(&validator)?;
        env.budget.check_time_sometimes(&mut operators_read)?;
        translator.builder.set_srcloc(source_location(offset));
        translator.operator(&operator, offset)?;
        let extent = &mut translator.extent;
        extent.tallest_stack = extent.tallest_stack.max(translator.stack.len());
        extent.check(body_bytes)?;
    }
    operators.finish()?;
    translator.exceptions.check()?;
    let Translator {
        builder, extent, ..
    } = translator;
    builder.finalize(env.isa.frontend_config());
    scratch.validator = validator.into_allocations();
    Ok(extent)
}

/// The module's size is limited so that offsets into it fit.
fn source_location(wasm_offset: u64) -> SourceLoc {
    SourceLoc::new(wasm_offset as u32)
}

/// A function in the middle of its translation.
pub(crate) struct Translator<'a, 'f> {
    env: FuncEnv<'a>,
    builder: FunctionBuilder<'f>,
    /// The operand stack, as far as the code is reachable.
    stack: &'f mut Vec<Value>,
    control: &'f mut Vec<Frame>,
    locals: &'f mut Locals,
    extent: Extent,
    /// Whether the code that comes next can be reached.
    reachable: bool,
    /// How many blocks have been opened since it no longer could.
    skipped_blocks: u32,
    /// How far the function has paid for itself, if it counts fuel.
    fuel: Option<Segment>,
    /// How the function tells a listener, if it does.
    listening: Option<Listening>,
    func_index: u32,
    /// Where the body starts, in bytes from the start of the module.
    body_offset: u64,
    /// The code that comes next, if it is unlikely to run.
    cold: Option<Cold>,
    exceptions: Exceptions,
}

impl Translator<'_, '_> {
    fn operator(&mut self, operator: &Operator<'_>, offset: u64) -> Result<()> {
        if !self.reachable {
            return self.unreachable_operator(operator);
        }
        self.fuel_before(operator);
        let known = self.control_operator(operator, offset)?
            || self.variable_operator(operator)
            || self.numeric_operator(operator)
            || self.memory_operator(operator)
            || self.call_operator(operator)
            || self.exception_operator(operator, offset)?
            || self.table_operator(operator, offset)?
            || self.simd_operator(operator)
            || self.wide_operator(operator)
            || self.atomic_operator(operator);
        if known {
            self.fuel_after(operator);
            Ok(())
        } else {
            let feature = format!("the instruction {}", parse::name_of(operator));
            Err(CompileError::unsupported(offset, feature))
        }
    }

    fn zero(&mut self, ty: ValType) -> Value {
        match ty {
            ValType::F32 => self.builder.ins().f32const(0.0),
            ValType::F64 => self.builder.ins().f64const(0.0),
            ValType::V128 => self.vector_constant([0; 16]),
            ValType::I32 | ValType::I64 | ValType::Ref(_) => {
                self.builder.ins().iconst(clif_type(ty), 0)
            }
        }
    }

    fn vector_constant(&mut self, bytes: [u8; 16]) -> Value {
        let constant = self.builder.func.dfg.constants.insert(bytes[..].into());
        self.builder.ins().vconst(types::I8X16, constant)
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn pop(&mut self) -> Value {
        let value = self.stack.pop().expect("validated: an operand is there");
        self.settled(value)
    }

    fn peek(&self) -> Value {
        *self.stack.last().expect("validated: an operand is there")
    }

    fn pop2(&mut self) -> [Value; 2] {
        let second = self.pop();
        [self.pop(), second]
    }

    fn pop3(&mut self) -> [Value; 3] {
        let third = self.pop();
        let [first, second] = self.pop2();
        [first, second, third]
    }

    /// The topmost `count` operands, in the form in which they pass between blocks and functions.
    fn peek_many(&mut self, count: usize) -> Values {
        self.extent.passed_values += count;
        let start = self.stack.len() - count;
        (start..self.stack.len())
            .map(|index| {
                let value = self.settled(self.stack[index]);
                self.stack[index] = value;
                self.as_bytes(value)
            })
            .collect()
    }

    fn pop_many(&mut self, count: usize) -> Values {
        let values = self.peek_many(count);
        self.stack.truncate(self.stack.len() - count);
        values
    }

    /// A vector as the type in which vectors are passed around; other values as they are.
    fn as_bytes(&mut self, value: Value) -> Value {
        let ty = self.builder.func.dfg.value_type(value);
        if ty.is_vector() {
            self.as_vector(value, types::I8X16)
        } else {
            value
        }
    }

    /// A vector with its bytes seen as lanes of `ty`.
    fn as_vector(&mut self, value: Value, ty: cranelift_codegen::ir::Type) -> Value {
        if self.builder.func.dfg.value_type(value) == ty {
            return value;
        }
        let flags = cranelift_codegen::ir::MemFlagsData::new()
            .with_endianness(cranelift_codegen::ir::Endianness::Little);
        self.builder.ins().bitcast(ty, flags, value)
    }
}
