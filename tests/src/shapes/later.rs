//! Shapes of what came to WebAssembly after version 2.0, and of constant expressions and names.

use wasm_encoder::{
    BlockType, Catch, CompositeInnerType, CompositeType, ConstExpr, EntityType, FuncType,
    GlobalType, HeapType, Instruction, RefType, SubType, TagKind, TagSection, TagType, ValType,
};

use super::{Parts, Shape, TYPES, UNARY, body, body_with, repeat, shape};

/// All of them.
pub(super) const LATER: &[Shape] = &[
    shape("operators of a constant expression", 1_000_000, |n| {
        let more = (0..n).flat_map(|_| [Instruction::I32Const(1), Instruction::I32Add]);
        let all = [Instruction::I32Const(7)].into_iter().chain(more);
        one_global(&ConstExpr::extended(all))
    }),
    shape("operands of a constant expression", 1_000_000, |n| {
        let first = (0..n).map(|_| Instruction::I32Const(1));
        let then = (1..n).map(|_| Instruction::I32Mul);
        one_global(&ConstExpr::extended(first.chain(then)))
    }),
    shape("types of one recursion group", 300_000, |n| {
        let mut parts = Parts::default();
        let types = (0..n).map(|i| func_type(TYPES + (i + 1) % n, None));
        parts.types.ty().rec(types.collect::<Vec<_>>());
        parts.finish()
    }),
    shape("recursion groups that are all alike", 100_000, |n| {
        let mut parts = Parts::default();
        for i in 0..n {
            let first = TYPES + 2 * i;
            parts
                .types
                .ty()
                .rec([func_type(first + 1, None), func_type(first, None)]);
        }
        parts.finish()
    }),
    shape("chains of 60 subtypes", 300_000, |n| {
        let mut parts = Parts::default();
        for i in 0..n {
            let above = (i % 60 > 0).then(|| TYPES + i - 1);
            parts.types.ty().rec([func_type(UNARY, above)]);
        }
        parts.finish()
    }),
    shape("calls of a type with 60 above it", 300_000, |n| {
        let mut parts = Parts::default();
        for i in 0..60 {
            let above = (i % 60 > 0).then(|| TYPES + i - 1);
            parts.types.ty().rec([func_type(UNARY, above)]);
        }
        parts.table(10);
        parts.func(UNARY, &[], |f| {
            repeat(f, n, |f, i| {
                f.ref_null(HeapType::Concrete(UNARY)).local_get(0);
                f.local_get(0).call_indirect(0, TYPES + i as u32 % 60)
            });
            f.local_get(0);
        });
        parts.finish()
    }),
    shape("imports with names of 99,999 bytes", 1_000, |n| {
        let mut parts = Parts::default();
        let name = "n".repeat(99_999);
        for _ in 0..n {
            parts
                .imports
                .import(&name, &name, EntityType::Function(UNARY));
        }
        parts.finish()
    }),
    shape("exports with names of 99,999 bytes", 1_000, |n| {
        let mut parts = Parts::default();
        parts.func(UNARY, &[], |f| {
            f.local_get(0);
        });
        for i in 0..n {
            let name = format!("{i:09}{}", "n".repeat(99_990));
            parts
                .exports
                .export(&name, wasm_encoder::ExportKind::Func, 0);
        }
        parts.finish()
    }),
    shape("catches of one try_table", 10_000, |n| {
        throwing(|f| {
            f.block(BlockType::Result(ValType::I32));
            let catches = vec![Catch::One { tag: 0, label: 0 }; n as usize];
            f.try_table(BlockType::Empty, catches);
            f.local_get(0).throw(0).end().local_get(0).end();
        })
    }),
    shape("try_tables, one in the other", 200_000, |n| {
        throwing(|f| {
            f.block(BlockType::Result(ValType::I32));
            for depth in 0..n {
                f.try_table(
                    BlockType::Empty,
                    [Catch::One {
                        tag: 0,
                        label: depth,
                    }],
                );
            }
            f.local_get(0).throw(0);
            for _ in 0..n {
                f.end();
            }
            f.local_get(0).end();
        })
    }),
    shape("calls in try_tables", 200_000, |n| {
        throwing(|f| {
            f.block(BlockType::Result(ValType::I32));
            for _ in 0..n {
                f.try_table(BlockType::Empty, [Catch::One { tag: 0, label: 0 }]);
                f.local_get(0).call(0).drop().end();
            }
            f.local_get(0).end();
        })
    }),
    shape("throws", 300_000, |n| {
        throwing(|f| {
            for _ in 0..n {
                f.block(BlockType::Empty).local_get(0).br_if(0);
                f.local_get(0).throw(0).end();
            }
            f.local_get(0);
        })
    }),
    shape("tail calls", 500_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| {
                f.block(BlockType::Empty).local_get(0).br_if(0);
                f.local_get(0).return_call(0).end()
            });
            f.local_get(0);
        })
    }),
    shape("branches on null", 500_000, |n| {
        body_with(&[(1, ValType::Ref(RefType::EXTERNREF))], |f| {
            f.block(BlockType::Empty);
            repeat(f, n, |f, _| f.local_get(1).br_on_null(0).drop());
            f.end().local_get(0);
        })
    }),
    shape("conversions of vectors", 300_000, |n| {
        body_with(&[(1, ValType::V128)], |f| {
            repeat(f, n, |f, i| {
                f.local_get(1);
                match i % 4 {
                    0 => f.i32x4_trunc_sat_f32x4_u(),
                    1 => f.local_get(1).i64x2_mul(),
                    2 => f.local_get(0).i8x16_shr_s(),
                    _ => f.i8x16_popcnt(),
                }
                .local_set(1)
            });
            f.local_get(1).i32x4_extract_lane(0);
        })
    }),
    shape("fills of memory", 500_000, |n| {
        body(|f| {
            repeat(f, n, |f, _| {
                f.local_get(0).local_get(0).local_get(0).memory_fill(0)
            });
            f.local_get(0);
        })
    }),
    shape("growth of memory", 1_000_000, |n| {
        body(|f| {
            f.local_get(0);
            repeat(f, n, |f, _| f.memory_grow(0));
        })
    }),
];

fn one_global(init: &ConstExpr) -> Vec<u8> {
    let mut parts = Parts::default();
    let ty = GlobalType {
        val_type: ValType::I32,
        mutable: false,
        shared: false,
    };
    parts.globals.global(ty, init);
    parts.finish()
}

/// A type without results whose only parameter refers to the type `param`.
fn func_type(param: u32, above: Option<u32>) -> SubType {
    let param = ValType::Ref(RefType {
        nullable: true,
        heap_type: HeapType::Concrete(param),
    });
    SubType {
        is_final: false,
        supertype_idxs: above.into_iter().collect(),
        composite_type: CompositeType {
            inner: CompositeInnerType::Func(FuncType::new([param, ValType::I32], [])),
            shared: false,
            descriptor: None,
            describes: None,
        },
    }
}

/// A function from i32 to i32 in a module with a tag for exceptions that carry one.
fn throwing(write: impl FnOnce(&mut wasm_encoder::InstructionSink<'_>)) -> Vec<u8> {
    let mut parts = Parts::default();
    parts.types.ty().function([ValType::I32], []);
    let mut tags = TagSection::new();
    tags.tag(TagType {
        kind: TagKind::Exception,
        func_type_idx: TYPES,
    });
    parts.tags = Some(tags);
    parts.func(UNARY, &[], write);
    parts.finish()
}
