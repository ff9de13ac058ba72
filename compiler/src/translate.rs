//! One function body, from WebAssembly's operators to Cranelift's IR.
//!
//! Operators are validated one by one as they are translated, so a body is decoded once. The
//! operand stack becomes SSA values, locals become the frontend's variables, and structured
//! control becomes blocks ([`control`]). The other modules hold one group of operators each.
//! Code after an unconditional branch is validated but not translated.

mod atomic;
mod call;
mod control;
mod fuel;
mod listening;
mod memory;
mod numeric;
mod simd;
mod table;
mod variable;

use cranelift_codegen::ir::{Function, InstBuilder as _, SourceLoc, UserFuncName, Value, types};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use precast_artifacts_format::ValType;
use smallvec::SmallVec;
use wasmparser::{FuncValidatorAllocations, Operator};

use crate::env::{FuncEnv, ModuleEnv, clif_type};
use crate::error::CompileError;
use crate::module::Body;
use crate::parse;

use control::Frame;
use fuel::Segment;
use listening::Listening;

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
}

/// Validates the body of the function at `func_index` and translates it into `func`, which must
/// be empty.
pub(crate) fn translate(
    env: &ModuleEnv<'_>,
    func_index: u32,
    body: &Body<'_>,
    scratch: &mut Scratch,
    func: &mut Function,
) -> Result<()> {
    let ty = env.module.funcs[func_index as usize];
    func.signature = env.signature(ty).clone();
    func.name = UserFuncName::user(0, func_index);

    let validate = wasmparser::FuncToValidate {
        resources: body.validate.resources.clone(),
        index: body.validate.index,
        ty: body.validate.ty,
        features: body.validate.features,
    };
    let mut validator = validate.into_validator(std::mem::take(&mut scratch.validator));
    let mut reader = body.body.get_binary_reader();
    let mut locals = reader.clone();
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
        reachable: true,
        skipped_blocks: 0,
        fuel: env.tunables.fuel.then_some(Segment::FIRST),
        listening: None,
    };
    translator.declare_params(ty);
    translator.tell_enter(func_index, ty);
    translator.declare_locals(&mut locals)?;
    translator.enter_function(ty);

    let mut operators = wasmparser::OperatorsReader::new(reader);
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        validator.op(offset, &operator)?;
        translator.builder.set_srcloc(source_location(offset));
        translator.operator(&operator, offset)?;
    }
    operators.finish()?;
    let Translator { builder, .. } = translator;
    builder.finalize(env.isa.frontend_config());
    scratch.validator = validator.into_allocations();
    Ok(())
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
    /// Whether the code that comes next can be reached.
    reachable: bool,
    /// How many blocks have been opened since it no longer could.
    skipped_blocks: u32,
    /// How far the function has paid for itself, if it counts fuel.
    fuel: Option<Segment>,
    /// How the function tells a listener, if it does.
    listening: Option<Listening>,
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
            || self.table_operator(operator, offset)?
            || self.simd_operator(operator)
            || self.atomic_operator(operator);
        if known {
            self.fuel_after(operator);
            Ok(())
        } else {
            let feature = format!("the instruction {}", parse::name_of(operator));
            Err(CompileError::unsupported(offset, feature))
        }
    }

    fn declare_params(&mut self, ty: u32) {
        let block = self
            .builder
            .current_block()
            .expect("the entry block is current");
        for (number, ty) in (1..).zip(&self.env.env.module.type_at(ty).params) {
            let variable = self.builder.declare_var(clif_type(*ty));
            let value = self.builder.block_params(block)[number];
            self.builder.def_var(variable, value);
        }
    }

    /// Declares the body's own locals, which start as zero. Validation has bounded their number.
    fn declare_locals(&mut self, reader: &mut wasmparser::BinaryReader<'_>) -> Result<()> {
        for _ in 0..reader.read_var_u32()? {
            let offset = reader.original_position();
            let count = reader.read_var_u32()?;
            let ty = self.env.env.module.val_type(reader.read()?, offset)?;
            let zero = self.zero(ty);
            for _ in 0..count {
                let variable = self.builder.declare_var(clif_type(ty));
                self.builder.def_var(variable, zero);
            }
        }
        Ok(())
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
        self.stack.pop().expect("validated: an operand is there")
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
        let start = self.stack.len() - count;
        (start..self.stack.len())
            .map(|index| {
                let value = self.stack[index];
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

    fn local(index: u32) -> Variable {
        Variable::from_u32(index)
    }
}
