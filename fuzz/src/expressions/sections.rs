//! What is around the code: every section, with what is the host's among the imports.

use arbitrary::{Result, Unstructured};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, FunctionSection, GlobalSection, GlobalType, Ieee32, Ieee64,
    ImportSection, Instruction, MemorySection, MemoryType, Module, RefType, TableSection,
    TableType, TagKind, TagSection, TagType, TypeSection, ValType,
};

use super::{FUEL, Signature, TURNS, World, operators};

/// How many elements the second table may come to have.
const MOST_ELEMENTS: u64 = 10;

/// The module with this code.
pub(super) fn write(
    world: &World,
    code: &CodeSection,
    u: &mut Unstructured<'_>,
) -> Result<Vec<u8>> {
    let mut around = Around {
        world,
        imports: ImportSection::new(),
        exports: ExportSection::new(),
    };
    let functions = around.functions();
    let tables = around.tables(u)?;
    let memories = around.memories(u)?;
    let tags = around.tags();
    let globals = around.globals(u)?;
    let data = data(world, u)?;
    let mut module = Module::new();
    module.section(&types(world)).section(&around.imports);
    module.section(&functions).section(&tables);
    module.section(&memories);
    if !tags.is_empty() {
        module.section(&tags);
    }
    module.section(&globals).section(&around.exports);
    module.section(&elements(world));
    module.section(&DataCountSection { count: data.len() });
    module.section(code).section(&data);
    Ok(module.finish())
}

fn types(world: &World) -> TypeSection {
    let mut types = TypeSection::new();
    for Signature { params, results } in &world.types {
        let (params, results) = (params.iter().copied(), results.iter().copied());
        types.ty().function(params, results);
    }
    for tag in &world.tags {
        let carried = || tag.iter().copied();
        types.ty().function(carried(), []);
        types.ty().function([], carried());
        let with_ref: Vec<_> = carried().chain([ValType::EXNREF]).collect();
        types.ty().function([], with_ref);
    }
    types
}

/// Sections to which all kinds of items add.
struct Around<'w> {
    world: &'w World,
    imports: ImportSection,
    exports: ExportSection,
}

impl Around<'_> {
    fn functions(&mut self) -> FunctionSection {
        let mut functions = FunctionSection::new();
        for (index, &ty) in self.world.functions.iter().enumerate() {
            if index < self.world.imported.functions {
                self.imports.import("host", "f", EntityType::Function(ty));
            } else {
                functions.function(ty);
            }
            self.export("f", ExportKind::Func, index);
        }
        functions
    }

    fn tables(&mut self, u: &mut Unstructured<'_>) -> Result<TableSection> {
        let mut tables = TableSection::new();
        let elements = u64::from(self.world.elements());
        for (index, maximum) in [elements, MOST_ELEMENTS].into_iter().enumerate() {
            let ty = TableType {
                element_type: RefType::FUNCREF,
                table64: false,
                minimum: elements,
                maximum: Some(maximum),
                shared: false,
            };
            if index < self.world.imported.tables {
                self.imports.import("host", "t", ty);
            } else {
                tables.table(ty);
            }
            // What is not exported is known not to change.
            if index == 1 || u.ratio(1, 4)? {
                self.export("t", ExportKind::Table, index);
            }
        }
        Ok(tables)
    }

    fn memories(&mut self, u: &mut Unstructured<'_>) -> Result<MemorySection> {
        let mut memories = MemorySection::new();
        for (index, memory) in self.world.memories.iter().enumerate() {
            let ty = MemoryType {
                minimum: 1,
                maximum: Some(u.int_in_range(1..=4)?),
                memory64: memory.is_64,
                shared: memory.is_shared,
                page_size_log2: None,
            };
            if index < self.world.imported.memories {
                self.imports.import("host", "m", ty);
            } else {
                memories.memory(ty);
            }
            self.export("m", ExportKind::Memory, index);
        }
        Ok(memories)
    }

    fn tags(&mut self) -> TagSection {
        let mut tags = TagSection::new();
        for tag in 0..self.world.tags.len() {
            let [func_type_idx, ..] = self.world.tag_types(tag);
            let ty = TagType {
                kind: TagKind::Exception,
                func_type_idx,
            };
            if tag < self.world.imported.tags {
                self.imports.import("host", "e", ty);
            } else {
                tags.tag(ty);
            }
        }
        tags
    }

    fn globals(&mut self, u: &mut Unstructured<'_>) -> Result<GlobalSection> {
        let mut globals = GlobalSection::new();
        for (index, &(val_type, mutable)) in self.world.globals.iter().enumerate() {
            let ty = GlobalType {
                val_type,
                mutable,
                shared: false,
            };
            let is_fuel = index == FUEL as usize;
            if index < self.world.imported.globals {
                // The host gives what it is named after.
                let number = if is_fuel {
                    TURNS as u64
                } else {
                    u.arbitrary()?
                };
                self.imports.import("host", &number.to_string(), ty);
            } else if is_fuel {
                globals.global(ty, &ConstExpr::i32_const(TURNS));
            } else {
                globals.global(ty, &value(&operators::constant(val_type, u)?));
            }
            self.export("g", ExportKind::Global, index);
        }
        Ok(globals)
    }

    fn export(&mut self, letter: &str, kind: ExportKind, index: usize) {
        self.exports
            .export(&format!("{letter}{index}"), kind, index as u32);
    }
}

fn elements(world: &World) -> ElementSection {
    let mut elements = ElementSection::new();
    let all: Vec<u32> = (0..world.functions.len() as u32).collect();
    let zero = ConstExpr::i32_const(0);
    elements.active(Some(0), &zero, Elements::Functions((&all).into()));
    elements.passive(Elements::Functions((&all).into()));
    let reversed: Vec<u32> = all.into_iter().rev().collect();
    let one = ConstExpr::i32_const(1);
    elements.active(Some(1), &one, Elements::Functions(reversed.into()));
    elements
}

fn data(world: &World, u: &mut Unstructured<'_>) -> Result<DataSection> {
    let mut data = DataSection::new();
    data.passive(u.arbitrary::<[u8; 16]>()?);
    for (memory, index) in world.memories.iter().zip(0..) {
        let offset = if memory.is_64 {
            ConstExpr::i64_const(4)
        } else {
            ConstExpr::i32_const(4)
        };
        data.active(index, &offset, u.arbitrary::<[u8; 32]>()?);
    }
    Ok(data)
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
