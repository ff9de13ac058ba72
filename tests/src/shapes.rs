//! Modules of extreme shape: small to send, and each with too much of one thing.
//!
//! What compilers make of programs never looks like this. A module from a stranger may, and has to
//! be compiled or refused in time and memory that grow no faster than its size. Each [`Shape`]
//! takes the number of things there are to be too many of.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataSection, ElementSection, Elements,
    EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType,
    ImportSection, InstructionSink, MemArg, MemArgTarget, MemorySection, MemoryType, Module,
    NameMap, NameSection, RefType, TableSection, TableType, TagSection, TypeSection, ValType,
};

/// A kind of module, of any size.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// What there is a lot of.
    pub name: &'static str,
    /// How many make a large module: as many as fit a function's largest size, or as the
    /// specification's implementation limits allow, but for what takes very long to write.
    pub largest: u32,
    /// The module with so many.
    pub build: fn(u32) -> Vec<u8>,
}

const fn shape(name: &'static str, largest: u32, build: fn(u32) -> Vec<u8>) -> Shape {
    Shape {
        name,
        largest,
        build,
    }
}

mod later;

/// All of them.
pub fn shapes() -> impl Iterator<Item = &'static Shape> {
    SHAPES.iter().chain(later::LATER)
}

const SHAPES: &[Shape] = &[
    // Control.
    shape("nested blocks", 1_000_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| f.block(BlockType::Empty));
            repeat(f, n, |f, _| f.end());
            f.local_get(0);
        })
    }),
    shape("nested loops", 400_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| f.loop_(BlockType::Empty));
            repeat(f, n, |f, _| f.local_get(0).br_if(0).end());
            f.local_get(0);
        })
    }),
    shape("nested ifs", 400_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| f.local_get(0).if_(BlockType::Empty));
            repeat(f, n, |f, _| f.end());
            f.local_get(0);
        })
    }),
    shape("nested elses", 400_000, |n| {
        body(|f| {
            repeat(f, n, |f, i| {
                f.local_get(0).if_(BlockType::Empty);
                f.i32_const(i).local_set(0).else_()
            });
            repeat(f, n, |f, _| f.end());
            f.local_get(0);
        })
    }),
    shape("nested blocks left from the innermost", 400_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| f.block(BlockType::Empty));
            repeat(f, n, |f, i| f.local_get(0).br_if(i as u32));
            repeat(f, n, |f, _| f.end());
            f.local_get(0);
        })
    }),
    shape("blocks, one after the other", 400_000, |n| {
        body(|f| {
            repeat(f, n, |f, i| {
                f.block(BlockType::Empty).local_get(0).br_if(0);
                f.i32_const(i).local_set(0).end()
            });
            f.local_get(0);
        })
    }),
    shape("loops, one after the other", 400_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| {
                f.loop_(BlockType::Empty).local_get(0).i32_const(1);
                f.i32_sub().local_tee(0).br_if(0).end()
            });
            f.local_get(0);
        })
    }),
    shape("branches to the function's end", 1_000_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| f.local_get(0).local_get(0).br_if(0).drop());
            f.local_get(0);
        })
    }),
    shape("blocks with 1,000 results", 20_000, |n| {
        wide_body(|f| {
            repeat(f, n, |f, _| f.block(BlockType::FunctionType(WIDE)));
            repeat(f, n, |f, _| f.end());
        })
    }),
    shape("branches with 1,000 values", 20_000, |n| {
        wide_body(|f| {
            repeat(f, n, |f, _| f.i32_const(0).br_if(0));
        })
    }),
    shape("calls with 1,000 values", 20_000, |n| {
        wide_body(|f| {
            repeat(f, n, |f, _| f.call(0));
        })
    }),
    // Tables of branches.
    shape("targets of a br_table, all the same", 1_000_000, |n| {
        body(|f| {
            f.block(BlockType::Empty)
                .block(BlockType::Empty)
                .local_get(0);
            f.br_table((0..n).map(|_| 1), 0).end();
            f.i32_const(1).local_set(0).end().local_get(0);
        })
    }),
    shape("targets of a br_table, two in turn", 1_000_000, |n| {
        body(|f| {
            f.block(BlockType::Empty)
                .block(BlockType::Empty)
                .local_get(0);
            f.br_table((0..n).map(|i| i % 2), 0).end();
            f.i32_const(1).local_set(0).end().local_get(0);
        })
    }),
    shape("targets of a br_table, with a value", 1_000_000, |n| {
        body(|f| {
            f.block(BlockType::Result(ValType::I32));
            f.block(BlockType::Result(ValType::I32));
            f.local_get(0).local_get(0);
            f.br_table((0..n).map(|i| i % 2), 0).end();
            f.i32_const(1).i32_add().end();
        })
    }),
    shape("targets of a br_table, with 1,000 values", 1_000_000, |n| {
        wide_body(|f| {
            f.block(BlockType::FunctionType(WIDE));
            f.i32_const(0).br_table((0..n).map(|i| i % 2), 0).end();
        })
    }),
    shape("targets of a br_table, all different", 400_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| f.block(BlockType::Empty));
            f.local_get(0).br_table(0..n, 0);
            repeat(f, n, |f, i| f.end().i32_const(i).local_set(0));
            f.local_get(0);
        })
    }),
    shape("br_tables of ten", 100_000, |n| {
        body(|f| {
            repeat(f, 10, |f, _| f.block(BlockType::Empty));
            repeat(f, n, |f, _| {
                f.block(BlockType::Empty).local_get(0);
                f.br_table(1..11, 0).end()
            });
            repeat(f, 10, |f, i| f.i32_const(i).local_set(0).end());
            f.local_get(0);
        })
    }),
    // Values.
    shape("a deep expression", 1_000_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| f.local_get(0));
            repeat(f, n - 1, |f, _| f.i32_add());
        })
    }),
    shape("a deep expression of different values", 500_000, |n| {
        body(|f| {
            repeat(f, n, |f, i| f.local_get(0).i32_const(i).i32_mul());
            repeat(f, n - 1, |f, _| f.i32_add());
        })
    }),
    shape("a long chain of additions", 1_000_000, |n| {
        body(|f| {
            f.local_get(0);
            repeat(f, n, |f, _| f.local_get(0).i32_add());
        })
    }),
    shape("a long chain of constants", 1_000_000, |n| {
        body(|f| {
            f.i32_const(1);
            repeat(f, n, |f, i| f.i32_const(i).i32_xor());
        })
    }),
    shape("a long chain of local.set", 1_000_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| f.local_get(0).i32_eqz().local_set(0));
            f.local_get(0);
        })
    }),
    shape("locals in turn", 500_000, |n| {
        let locals = [(1000, ValType::I64)];
        body_with(&locals, |f| {
            repeat(f, n, |f, i| {
                let i = i as u32;
                f.local_get(1 + i % 1000).i64_const(3).i64_add();
                f.local_set(1 + i * 7 % 1000)
            });
            f.local_get(0);
        })
    }),
    shape("locals that are never used", 50_000, |n| {
        body_with(&[(n - 1, ValType::V128)], |f| {
            f.local_get(0);
        })
    }),
    shape("locals that pass many loops", 50_000, |n| {
        let locals = [(n - 1, ValType::I32)];
        body_with(&locals, |f| {
            repeat(f, n - 1, |f, i| f.local_get(0).local_set(1 + i as u32));
            repeat(f, n, |f, _| {
                f.loop_(BlockType::Empty).local_get(0).br_if(0).end()
            });
            repeat(f, n - 1, |f, i| f.local_get(1 + i as u32).local_set(0));
            f.local_get(0);
        })
    }),
    shape("locals that pass many blocks", 50_000, |n| {
        let locals = [(n - 1, ValType::I32)];
        body_with(&locals, |f| {
            repeat(f, n * 10, |f, _| f.block(BlockType::Empty).end());
            repeat(f, n - 1, |f, i| f.local_get(1 + i as u32).local_set(0));
            f.local_get(0);
        })
    }),
    shape("locals set in a loop", 50_000, |n| {
        let locals = [(n - 1, ValType::I32)];
        body_with(&locals, |f| {
            f.loop_(BlockType::Empty);
            repeat(f, n, |f, i| {
                f.local_get(0).if_(BlockType::Empty);
                f.local_get(i as u32).i32_const(1).i32_add();
                f.local_set((i as u32 + 1) % n).end()
            });
            f.local_get(0).br_if(0).end().local_get(0);
        })
    }),
    // Instructions that come with something else.
    shape("divisions", 500_000, |n| {
        body(|f| {
            repeat(f, n, |f, i| {
                f.i32_const(i).local_get(0).i32_div_s().local_set(0)
            });
            f.local_get(0);
        })
    }),
    shape("conversions that trap", 500_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| {
                f.local_get(0)
                    .f32_convert_i32_s()
                    .i32_trunc_f32_s()
                    .local_set(0)
            });
            f.local_get(0);
        })
    }),
    shape("selects", 500_000, |n| {
        body(|f| {
            repeat(f, n, |f, i| {
                f.i32_const(i)
                    .local_get(0)
                    .local_get(0)
                    .select()
                    .local_set(0)
            });
            f.local_get(0);
        })
    }),
    shape("loads and stores", 500_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| {
                f.local_get(0).local_get(0).i32_load(at(4)).i32_store(at(8))
            });
            f.local_get(0);
        })
    }),
    shape("loads", 1_000_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| f.local_get(0).i32_load(at(4)).local_set(0));
            f.local_get(0);
        })
    }),
    shape("calls", 1_000_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| f.local_get(0).call(0).local_set(0));
            f.local_get(0);
        })
    }),
    shape("indirect calls", 500_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| {
                f.local_get(0).local_get(0).call_indirect(0, 0).local_set(0)
            });
            f.local_get(0);
        })
    }),
    shape("operations on vectors", 500_000, |n| {
        let locals = [(1, ValType::V128)];
        body_with(&locals, |f| {
            repeat(f, n, |f, _| {
                f.local_get(1).local_get(1).i16x8_mul().local_set(1)
            });
            f.local_get(1).i32x4_extract_lane(0);
        })
    }),
    shape("constants that are vectors", 300_000, |n| {
        let locals = [(1, ValType::V128)];
        body_with(&locals, |f| {
            repeat(f, n, |f, i| {
                f.local_get(1)
                    .v128_const(i128::from(i) << 70 | 5)
                    .i64x2_add()
                    .local_set(1)
            });
            f.local_get(1).i32x4_extract_lane(0);
        })
    }),
    // Things of a module.
    shape("functions", 500_000, |n| {
        let mut parts = Parts::default();
        for _ in 0..n {
            parts.func(UNARY, &[], |f| {
                f.local_get(0);
            });
        }
        parts.finish()
    }),
    shape("functions that call the next", 200_000, |n| {
        let mut parts = Parts::default();
        for i in 0..n {
            parts.func(UNARY, &[], |f| {
                f.local_get(0).call((i + 1) % n);
            });
        }
        parts.finish()
    }),
    shape("types, with exported functions", 50_000, |n| {
        let mut parts = Parts::default();
        for i in 0..n {
            let params = (0..17).map(|bit| match i >> bit & 1 {
                0 => ValType::I32,
                _ => ValType::I64,
            });
            parts.types.ty().function(params.collect::<Vec<_>>(), []);
            parts.func(TYPES + i, &[], |_| {});
            parts.exports.export(&format!("f{i}"), ExportKind::Func, i);
        }
        parts.finish()
    }),
    shape("types, all different", 500_000, |n| {
        let mut parts = Parts::default();
        for i in 0..n {
            let params = (0..20).map(|bit| match i >> bit & 1 {
                0 => ValType::F32,
                _ => ValType::F64,
            });
            parts.types.ty().function(params.collect::<Vec<_>>(), []);
        }
        parts.finish()
    }),
    shape("types of 1,000 parameters", 450, |n| {
        let mut parts = Parts::default();
        for i in 0..n {
            let params = (0..1000).map(|bit| if bit == i { ValType::I32 } else { ValType::I64 });
            let params: Vec<_> = params.collect();
            parts.types.ty().function(params.clone(), params);
            parts.func(TYPES + i, &[], |f| {
                repeat(f, 1000, |f, i| f.local_get(i as u32));
            });
            parts.exports.export(&format!("f{i}"), ExportKind::Func, i);
        }
        parts.finish()
    }),
    shape("imports", 200_000, |n| {
        let mut parts = Parts::default();
        for i in 0..n {
            let name = format!("f{i}");
            parts
                .imports
                .import("m", &name, EntityType::Function(UNARY));
        }
        parts.finish()
    }),
    shape("imports in a table", 100_000, |n| {
        let mut parts = Parts::default();
        for i in 0..n {
            let name = format!("f{i}");
            parts
                .imports
                .import("m", &name, EntityType::Function(UNARY));
        }
        parts.table(n.into());
        let funcs: Vec<_> = (0..n).collect();
        let funcs = Elements::Functions(funcs.into());
        parts
            .elements
            .active(Some(0), &ConstExpr::i32_const(0), funcs);
        parts.finish()
    }),
    shape("exports of one function", 500_000, |n| {
        let mut parts = Parts::default();
        parts.func(UNARY, &[], |f| {
            f.local_get(0);
        });
        for i in 0..n {
            parts.exports.export(&format!("f{i}"), ExportKind::Func, 0);
        }
        parts.finish()
    }),
    shape("globals", 500_000, |n| {
        let mut parts = Parts::default();
        for i in 0..n {
            let ty = GlobalType {
                val_type: ValType::I32,
                mutable: true,
                shared: false,
            };
            parts.globals.global(ty, &ConstExpr::i32_const(i as i32));
        }
        parts.finish()
    }),
    shape("tables", 100_000, |n| {
        let mut parts = Parts::default();
        repeat_plain(n, |_| parts.table(1));
        parts.finish()
    }),
    shape("tables, each with a segment and an export", 50_000, |n| {
        let mut parts = Parts::default();
        parts.func(UNARY, &[], |f| {
            f.local_get(0);
        });
        for i in 0..n {
            parts.table(1);
            let funcs = Elements::Functions(vec![0].into());
            parts
                .elements
                .active(Some(i), &ConstExpr::i32_const(0), funcs);
            parts.exports.export(&format!("t{i}"), ExportKind::Func, 0);
        }
        parts.finish()
    }),
    shape("tables of 4,096 elements", 100_000, |n| {
        let mut parts = Parts::default();
        repeat_plain(n, |_| parts.table(4096));
        parts.finish()
    }),
    shape("elements of a table", 1_000_000, |n| {
        let mut parts = Parts::default();
        parts.func(UNARY, &[], |f| {
            f.local_get(0).local_get(0).call_indirect(0, UNARY);
        });
        parts.table(n.into());
        let funcs = vec![0; n as usize];
        let funcs = Elements::Functions(funcs.into());
        parts
            .elements
            .active(Some(0), &ConstExpr::i32_const(0), funcs);
        parts.finish()
    }),
    shape("segments over the same elements", 100_000, |n| {
        let mut parts = Parts::default();
        parts.func(UNARY, &[], |f| {
            f.local_get(0);
        });
        parts.table(16);
        for _ in 0..n {
            let funcs = Elements::Functions(vec![0; 16].into());
            parts
                .elements
                .active(Some(0), &ConstExpr::i32_const(0), funcs);
        }
        parts.finish()
    }),
    shape("segments over the same data", 100_000, |n| {
        let mut parts = Parts::default();
        parts.memory(1);
        for _ in 0..n {
            parts.data.active(0, &ConstExpr::i32_const(60_000), [1; 64]);
        }
        parts.finish()
    }),
    shape("segments spread over 4 GiB", 100_000, |n| {
        let mut parts = Parts::default();
        parts.memory(65_536);
        for i in 0..n {
            let offset = (u64::from(i) * ((1 << 32) / u64::from(n))) as u32;
            parts
                .data
                .active(0, &ConstExpr::i32_const(offset as i32), [1]);
        }
        parts.finish()
    }),
    shape("segments over 100 memories", 100_000, |n| {
        let mut parts = Parts::default();
        repeat_plain(100, |_| parts.memory(65_536));
        for i in 0..n {
            let offset = ConstExpr::i32_const((i as i32).wrapping_mul(4096 * 97));
            parts.data.active(i % 100, &offset, [1]);
        }
        parts.finish()
    }),
    shape("functions of a module with 100 memories", 50_000, |n| {
        let mut parts = Parts::default();
        repeat_plain(100, |_| parts.memory(1));
        for _ in 0..n {
            parts.func(UNARY, &[], |f| {
                f.local_get(0);
            });
        }
        parts.finish()
    }),
    shape("names of functions", 500_000, |n| {
        let mut names = NameMap::new();
        for i in 0..n {
            names.append(i % 10, "a name");
        }
        let mut section = NameSection::new();
        section.functions(&names);
        let mut parts = Parts::default();
        repeat_plain(10, |_| {
            parts.func(UNARY, &[], |f| {
                f.local_get(0);
            });
        });
        let mut module = parts.module();
        module.section(&section);
        module.finish()
    }),
    shape("custom sections", 500_000, |n| {
        let mut module = Module::new();
        for _ in 0..n {
            module.section(&CustomSection {
                name: "c".into(),
                data: (&[][..]).into(),
            });
        }
        module.finish()
    }),
    shape("bytes of a custom section", 100_000_000, |n| {
        let mut module = Module::new();
        module.section(&CustomSection {
            name: "c".into(),
            data: vec![7; n as usize].into(),
        });
        module.finish()
    }),
];

/// The type from i32 to i32.
const UNARY: u32 = 0;
/// The type from 1,000 values to as many.
const WIDE: u32 = 1;
/// Where a shape's own types start.
const TYPES: u32 = 2;

/// The sections of a module, two types given.
struct Parts {
    types: TypeSection,
    imports: ImportSection,
    funcs: FunctionSection,
    tables: TableSection,
    memories: MemorySection,
    globals: GlobalSection,
    exports: ExportSection,
    elements: ElementSection,
    code: CodeSection,
    data: DataSection,
    tags: Option<TagSection>,
}

impl Default for Parts {
    fn default() -> Self {
        let mut types = TypeSection::new();
        types.ty().function([ValType::I32], [ValType::I32]);
        let wide = [ValType::I32; 1000];
        types.ty().function(wide, wide);
        Self {
            types,
            imports: ImportSection::new(),
            funcs: FunctionSection::new(),
            tables: TableSection::new(),
            memories: MemorySection::new(),
            globals: GlobalSection::new(),
            exports: ExportSection::new(),
            elements: ElementSection::new(),
            code: CodeSection::new(),
            data: DataSection::new(),
            tags: None,
        }
    }
}

impl Parts {
    fn func(
        &mut self,
        ty: u32,
        locals: &[(u32, ValType)],
        write: impl FnOnce(&mut InstructionSink<'_>),
    ) {
        self.funcs.function(ty);
        let mut func = Function::new(locals.iter().copied());
        write(&mut func.instructions());
        func.instructions().end();
        self.code.function(&func);
    }

    fn table(&mut self, minimum: u64) {
        self.tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum,
            maximum: None,
            shared: false,
        });
    }

    fn memory(&mut self, minimum: u64) {
        self.memories.memory(MemoryType {
            minimum,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
    }

    fn module(&self) -> Module {
        let mut module = Module::new();
        module
            .section(&self.types)
            .section(&self.imports)
            .section(&self.funcs)
            .section(&self.tables)
            .section(&self.memories);
        if let Some(tags) = &self.tags {
            module.section(tags);
        }
        module
            .section(&self.globals)
            .section(&self.exports)
            .section(&self.elements)
            .section(&self.code)
            .section(&self.data);
        module
    }

    fn finish(&self) -> Vec<u8> {
        self.module().finish()
    }
}

/// A module whose export `run`, from i32 to i32, is what `write` writes.
pub fn body(write: impl FnOnce(&mut InstructionSink<'_>)) -> Vec<u8> {
    body_with(&[], write)
}

/// As [`body`], with more locals than the parameter.
pub fn body_with(
    locals: &[(u32, ValType)],
    write: impl FnOnce(&mut InstructionSink<'_>),
) -> Vec<u8> {
    one_func(UNARY, locals, write)
}

/// As [`body`], from 1,000 values of type i32 to as many, which are on the stack to begin with.
fn wide_body(write: impl FnOnce(&mut InstructionSink<'_>)) -> Vec<u8> {
    one_func(WIDE, &[], |f| {
        repeat(f, 1000, |f, i| f.local_get(i as u32));
        write(f);
    })
}

fn one_func(
    ty: u32,
    locals: &[(u32, ValType)],
    write: impl FnOnce(&mut InstructionSink<'_>),
) -> Vec<u8> {
    let mut parts = Parts::default();
    parts.memory(1);
    parts.table(10);
    parts.func(ty, locals, write);
    parts.exports.export("run", ExportKind::Func, 0);
    parts.finish()
}

fn repeat(
    sink: &mut InstructionSink<'_>,
    times: u32,
    mut write: impl for<'s, 'b> FnMut(&'s mut InstructionSink<'b>, i32) -> &'s mut InstructionSink<'b>,
) {
    for i in 0..times {
        write(sink, i as i32);
    }
}

fn repeat_plain(times: u32, mut write: impl FnMut(u32)) {
    for i in 0..times {
        write(i);
    }
}

fn at(offset: u64) -> MemArg {
    MemArg {
        offset,
        align: 0,
        target: MemArgTarget::Memory(0),
        ordering: None,
    }
}
