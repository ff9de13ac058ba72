//! Valid modules to be run, in which no result is lost.
//!
//! wasm-smith's functions drop most of what they compute, or trap before it is seen: engines that differ
//! in an operator often agree on all that can be compared. Here every value that an operator gives goes,
//! by itself or by way of another one, into a hash in a global, into memory, a table or a result; few
//! operands trap; and whatever is called or repeated ends, since that uses up fuel in a global.
//!
//! The module is made of the same few things each time, most of which may be missing; what is random is
//! [the code](code).

use arbitrary::{Result, Unstructured};
use wasm_encoder::Instruction;
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, ExportKind,
    ExportSection, FunctionSection, GlobalSection, GlobalType, Ieee32, Ieee64, MemorySection,
    MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

use crate::modules::Dialect;

mod code;
mod operators;

use code::Body;
use operators::TYPES;

/// The global with the hash of all that was seen.
const ACC: u32 = 0;
/// The global with the number of calls and turns that are left.
const FUEL: u32 = 1;
/// How much of that there is. Also how deep calls can go, which all engines must have stack for.
const TURNS: i32 = 300;
/// How many elements the second table may come to have.
const MOST_ELEMENTS: u64 = 10;

/// A function's type.
#[derive(Debug, PartialEq, Eq)]
struct Signature {
    params: Vec<ValType>,
    results: Vec<ValType>,
}

/// What functions find in their module.
///
/// The first table holds all functions, each at its index, and does not change. The second one does.
/// There are one data segment and, beside that of each table, no others.
struct World {
    dialect: Dialect,
    /// Whether engines make NaNs canonical, so that the module need not.
    own_nans: bool,
    types: Vec<Signature>,
    /// The type of each function.
    functions: Vec<u32>,
    /// The type of each global, and whether it can be set.
    globals: Vec<(ValType, bool)>,
    /// For each memory, whether addresses have 64 bits.
    memories: Vec<bool>,
}

/// A module as [`modules::to_run`](crate::modules::to_run) makes them.
///
/// # Errors
///
/// None: where there are no bytes left, there is little in the module.
pub fn to_run(u: &mut Unstructured<'_>, dialect: Dialect, own_nans: bool) -> Result<Vec<u8>> {
    let world = World::any(u, dialect, own_nans)?;
    let mut left = u.int_in_range(100..=900)?;
    let mut code = CodeSection::new();
    for &ty in &world.functions {
        let signature = &world.types[ty as usize];
        let body = Body::new(&world, signature, &mut left, u)?;
        code.function(&body.write(20)?);
    }
    world.module(&code, u)
}

impl World {
    fn any(u: &mut Unstructured<'_>, dialect: Dialect, own_nans: bool) -> Result<Self> {
        let types = (0..u.int_in_range(1..=4)?).map(|_| Signature::any(u));
        let types: Vec<_> = types.collect::<Result<_>>()?;
        let last = types.len() as u32 - 1;
        let functions = (0..u.int_in_range(1..=5)?).map(|_| u.int_in_range(0..=last));
        let functions = functions.collect::<Result<_>>()?;
        let memories = (0..u.int_in_range(0..=3)?).map(|_| u.ratio(1, 3));
        let memories = memories.collect::<Result<_>>()?;
        let mut globals = vec![(ValType::I64, true), (ValType::I32, true)];
        for ty in TYPES {
            globals.extend([(ty, true), (ty, u.arbitrary()?)]);
        }
        Ok(Self {
            dialect,
            own_nans,
            types,
            functions,
            globals,
            memories,
        })
    }

    /// How many elements each table has.
    fn elements(&self) -> u32 {
        self.functions.len() as u32 + 2
    }

    fn module(&self, code: &CodeSection, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
        let mut types = TypeSection::new();
        for Signature { params, results } in &self.types {
            let (params, results) = (params.iter().copied(), results.iter().copied());
            types.ty().function(params, results);
        }
        let mut functions = FunctionSection::new();
        let mut exports = ExportSection::new();
        for (&ty, index) in self.functions.iter().zip(0..) {
            functions.function(ty);
            exports.export(&format!("f{index}"), ExportKind::Func, index);
        }
        let mut tables = TableSection::new();
        for (index, maximum) in [(0, u64::from(self.elements())), (1, MOST_ELEMENTS)] {
            tables.table(TableType {
                element_type: RefType::FUNCREF,
                table64: false,
                minimum: self.elements().into(),
                maximum: Some(maximum),
                shared: false,
            });
            // What is not exported is known not to change.
            if index == 1 || u.ratio(1, 4)? {
                exports.export(&format!("t{index}"), ExportKind::Table, index);
            }
        }
        let mut memories = MemorySection::new();
        for (&memory64, index) in self.memories.iter().zip(0..) {
            memories.memory(MemoryType {
                minimum: 1,
                maximum: Some(u.int_in_range(1..=4)?),
                memory64,
                shared: false,
                page_size_log2: None,
            });
            exports.export(&format!("m{index}"), ExportKind::Memory, index);
        }
        let mut globals = GlobalSection::new();
        for (&(val_type, mutable), index) in self.globals.iter().zip(0..) {
            let ty = GlobalType {
                val_type,
                mutable,
                shared: false,
            };
            let value = match index {
                FUEL => ConstExpr::i32_const(TURNS),
                _ => value(&operators::constant(val_type, u)?),
            };
            globals.global(ty, &value);
            exports.export(&format!("g{index}"), ExportKind::Global, index);
        }
        let mut elements = ElementSection::new();
        let all: Vec<u32> = (0..self.functions.len() as u32).collect();
        elements.active(
            Some(0),
            &ConstExpr::i32_const(0),
            Elements::Functions((&all).into()),
        );
        elements.passive(Elements::Functions((&all).into()));
        let reversed: Vec<u32> = all.into_iter().rev().collect();
        let elements = elements.active(
            Some(1),
            &ConstExpr::i32_const(1),
            Elements::Functions(reversed.into()),
        );
        let mut data = DataSection::new();
        data.passive(u.arbitrary::<[u8; 16]>()?);
        for (&is_64, index) in self.memories.iter().zip(0..) {
            let offset = if is_64 {
                ConstExpr::i64_const(4)
            } else {
                ConstExpr::i32_const(4)
            };
            data.active(index, &offset, u.arbitrary::<[u8; 32]>()?);
        }
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&tables);
        module
            .section(&memories)
            .section(&globals)
            .section(&exports);
        module
            .section(elements)
            .section(&DataCountSection { count: data.len() });
        module.section(code).section(&data);
        Ok(module.finish())
    }
}

impl Signature {
    fn any(u: &mut Unstructured<'_>) -> Result<Self> {
        let mut list = |most| -> Result<Vec<ValType>> {
            let types = (0..u.int_in_range(0..=most)?).map(|_| u.choose(&TYPES).copied());
            types.collect()
        };
        Ok(Self {
            params: list(4)?,
            results: list(3)?,
        })
    }
}

fn value(constant: &Instruction<'_>) -> ConstExpr {
    match *constant {
        Instruction::I32Const(value) => ConstExpr::i32_const(value),
        Instruction::I64Const(value) => ConstExpr::i64_const(value),
        Instruction::F32Const(value) => ConstExpr::f32_const(Ieee32::new(value.bits())),
        Instruction::F64Const(value) => ConstExpr::f64_const(Ieee64::new(value.bits())),
        Instruction::V128Const(value) => ConstExpr::v128_const(value),
        _ => unreachable!("a constant"),
    }
}
