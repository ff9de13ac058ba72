//! The artifact under test: position-independent code for the conventions of `abi.rs`, with a
//! Wasm convention of its own: vmctx in `rdi`, parameters in `rsi` and `rdx`, result in `rax`.
//!
//! All functions have the type `(i64, i64) → i64`.

use std::arch::global_asm;

use precast_artifacts_format::abi::{VmctxCounts, VmctxLayout};
use precast_artifacts_format::{
    AddressMapBuilder, ArtifactParts, ConstExpr, CpuFeatures, CustomSections, DataMode,
    DataSegment, ElementItems, ElementMode, ElementSegment, Export, Extent, ExternIndex, FuncEntry,
    FuncTable, FuncType, GlobalPlan, GlobalType, HeapType, Import, ImportType, Manifest,
    MemoryPlan, MemoryType, Range32, RuntimeSymbol, Section, SubType, Symbol, TablePlan, TableType,
    Target, Trampolines, TrapCode, TrapTableBuilder, Tunables, ValType,
};
use precast_loader::{Engine, Instance, Linker, Module, Store};

// Offsets in the vmctx, checked against the layout below. The slots of `.got` follow the text,
// which fits into one page.
global_asm!(
    ".pushsection .text.handmade, \"ax\"",
    ".balign 16",
    ".set MEMORY, 48",
    ".set TABLE, 64",
    ".set GOT, pt_text + 4096",
    "pt_text:",
    // 0: add(a, b)
    "pt_add:",
    "push rbp",
    "mov rbp, rsp",
    "lea rax, [rsi + rdx]",
    "pop rbp",
    "ret",
    // 1: divide(a, b)
    "pt_divide:",
    "push rbp",
    "mov rbp, rsp",
    "mov rax, rsi",
    "mov rcx, rdx",
    "cqo",
    "pt_divide_trap:",
    "idiv rcx",
    "pop rbp",
    "ret",
    // 2: unreachable
    "pt_unreachable:",
    "push rbp",
    "mov rbp, rsp",
    "pt_unreachable_trap:",
    "ud2",
    // 3: load(index, offset)
    "pt_load:",
    "push rbp",
    "mov rbp, rsp",
    "mov esi, esi",
    "add rsi, rdx",
    "mov rax, [rdi + MEMORY]",
    "pt_load_trap:",
    "mov rax, [rax + rsi]",
    "pop rbp",
    "ret",
    // 4: host(a, b), the imported function
    "pt_call_host:",
    "push rbp",
    "mov rbp, rsp",
    "mov rax, [rdi + 8]",
    "mov [rax + 40], rdi",
    "mov rax, [rdi + 32]",
    "mov rdi, [rdi + 40]",
    "call rax",
    "pt_call_host_return:",
    "pop rbp",
    "ret",
    // 5: wild(address): claims to be a memory access
    "pt_wild:",
    "push rbp",
    "mov rbp, rsp",
    "pt_wild_trap:",
    "mov rax, [rsi]",
    "pop rbp",
    "ret",
    // 6: recurse
    "pt_recurse:",
    "push rbp",
    "mov rbp, rsp",
    "mov rax, [rdi + 8]",
    "cmp rsp, [rax]",
    "jbe 2f",
    "sub rsp, 16",
    "call pt_recurse",
    "add rsp, 16",
    "pop rbp",
    "ret",
    "2:",
    "pt_recurse_trap:",
    "ud2",
    // 7: outer_divide(a, b)
    "pt_outer_divide:",
    "push rbp",
    "mov rbp, rsp",
    "call pt_divide",
    "pt_outer_divide_return:",
    "pop rbp",
    "ret",
    // 8: grow(pages)
    "pt_grow:",
    "push rbp",
    "mov rbp, rsp",
    "mov rdx, rsi",
    "xor esi, esi",
    "call qword ptr [rip + GOT + 8]",
    "pop rbp",
    "ret",
    // 9: indirect(index, argument), calls with (argument, index)
    "pt_indirect:",
    "push rbp",
    "mov rbp, rsp",
    "cmp rsi, [rdi + TABLE + 8]",
    "jae 2f",
    "mov rax, [rdi + TABLE]",
    "mov rax, [rax + rsi * 8]",
    "test rax, rax",
    "je 3f",
    "mov ecx, [rax + 16]",
    "cmp ecx, [rdi + 24]",
    "jne 4f",
    "mov rcx, [rdi + 8]",
    "mov [rcx + 40], rdi",
    "mov rdi, [rax + 8]",
    "xchg rsi, rdx",
    "call [rax]",
    "pop rbp",
    "ret",
    "2:",
    "pt_undefined_trap:",
    "ud2",
    "3:",
    "pt_uninitialized_trap:",
    "ud2",
    "4:",
    "pt_mismatch_trap:",
    "ud2",
    // 10: unlisted: traps where the table knows of none
    "pt_unlisted:",
    "push rbp",
    "mov rbp, rsp",
    "ud2",
    "pt_funcs_end:",
    // entry trampoline
    "pt_entry:",
    "push rbp",
    "mov rbp, rsp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "sub rsp, 8",
    "mov rbx, rdx",
    "lea rax, [rip + 3f]",
    "mov [rcx + 8], rax",
    "mov [rcx + 16], rsp",
    "mov [rcx + 24], rbp",
    "mov rax, rdi",
    "mov rdi, rsi",
    "mov rsi, [rdx]",
    "mov rdx, [rdx + 16]",
    "call rax",
    "mov [rbx], rax",
    "mov eax, 1",
    "2:",
    "lea rsp, [rbp - 40]",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    "3:",
    "xor eax, eax",
    "jmp 2b",
    // import trampoline
    "pt_import:",
    "push rbp",
    "mov rbp, rsp",
    "sub rsp, 48",
    "mov [rsp], rsi",
    "mov [rsp + 16], rdx",
    "mov [rsp + 32], rdi",
    "mov rax, [rdi + 8]",
    "mov [rax + 32], rbp",
    "mov rsi, rsp",
    "call [rdi + 24]",
    "test al, al",
    "jz 2f",
    "mov rax, [rsp]",
    "leave",
    "ret",
    "2:",
    "call qword ptr [rip + GOT]",
    "ud2",
    "pt_text_end:",
    ".popsection",
);

macro_rules! labels {
    ($($name:ident)*) => {
        unsafe extern "C" {
            $(safe static $name: u8;)*
        }
    };
}

labels! {
    pt_text pt_add pt_divide pt_unreachable pt_load pt_call_host pt_wild pt_recurse
    pt_outer_divide pt_grow pt_indirect pt_unlisted pt_funcs_end pt_entry pt_import pt_text_end
    pt_divide_trap pt_unreachable_trap pt_load_trap pt_wild_trap pt_recurse_trap
    pt_undefined_trap pt_uninitialized_trap pt_mismatch_trap
    pt_call_host_return pt_outer_divide_return
}

fn offset(label: &u8) -> u32 {
    let offset = std::ptr::from_ref(label).addr() - (&raw const pt_text).addr();
    u32::try_from(offset).unwrap()
}

fn in_slots(slots: u32) -> Trampolines {
    Trampolines {
        slots,
        direct: None,
    }
}

/// The functions, by name.
fn functions() -> [(&'static str, u32); 11] {
    [
        ("add", offset(&pt_add)),
        ("divide", offset(&pt_divide)),
        ("unreachable", offset(&pt_unreachable)),
        ("load", offset(&pt_load)),
        ("call_host", offset(&pt_call_host)),
        ("wild", offset(&pt_wild)),
        ("recurse", offset(&pt_recurse)),
        ("outer_divide", offset(&pt_outer_divide)),
        ("grow", offset(&pt_grow)),
        ("indirect", offset(&pt_indirect)),
        ("unlisted", offset(&pt_unlisted)),
    ]
}

fn traps() -> Vec<u8> {
    let mut builder = TrapTableBuilder::default();
    for (label, code) in [
        (&pt_divide_trap, TrapCode::IntegerDivideByZero),
        (&pt_unreachable_trap, TrapCode::Unreachable),
        (&pt_load_trap, TrapCode::MemoryOutOfBounds),
        (&pt_wild_trap, TrapCode::MemoryOutOfBounds),
        (&pt_recurse_trap, TrapCode::StackOverflow),
        (&pt_undefined_trap, TrapCode::UndefinedElement),
        (&pt_uninitialized_trap, TrapCode::UninitializedElement),
        (&pt_mismatch_trap, TrapCode::IndirectCallTypeMismatch),
    ] {
        builder.push(offset(label), code);
    }
    builder.finish()
}

/// The Wasm offset of an instruction that traps or calls is its text offset and this much.
pub(crate) const WASM_OFFSET: u32 = 0x1000;

/// The Wasm offset that a backtrace gives for `divide`, `call_host` and `outer_divide`.
pub(crate) fn wasm_offsets() -> [u32; 3] {
    [
        offset(&pt_divide_trap) + WASM_OFFSET,
        offset(&pt_call_host_return) - 1 + WASM_OFFSET,
        offset(&pt_outer_divide_return) - 1 + WASM_OFFSET,
    ]
}

fn address_map() -> Vec<u8> {
    let mut builder = AddressMapBuilder::default();
    let mut places = vec![
        offset(&pt_divide_trap),
        offset(&pt_unreachable_trap),
        offset(&pt_call_host_return) - 1,
        offset(&pt_outer_divide_return) - 1,
    ];
    places.sort_unstable();
    for place in places {
        builder.push(place, place + WASM_OFFSET);
    }
    builder.finish()
}

fn text() -> &'static [u8] {
    let len = offset(&pt_text_end) as usize;
    assert!(len < 4096, "the slots follow in the next page");
    // SAFETY: the labels enclose bytes of this program's code.
    unsafe { std::slice::from_raw_parts(&raw const pt_text, len) }
}

pub(crate) fn func_type() -> FuncType {
    FuncType::new([ValType::I64, ValType::I64], [ValType::I64])
}

/// What tests change before the artifact is written.
pub(crate) struct Parts {
    pub(crate) manifest: Manifest,
    pub(crate) tunables: Tunables,
    pub(crate) elements: Vec<u8>,
    pub(crate) passive: Vec<u8>,
    pub(crate) image: Vec<u8>,
}

/// A module with an imported function `env.host`, a memory of 1 to 3 pages, a table of 4
/// elements, a global, and the functions above, all exported under their names.
pub(crate) fn parts() -> Parts {
    let got = [RuntimeSymbol::Raise, RuntimeSymbol::MemoryGrow];
    let mut exports: Vec<Export> = (1..)
        .zip(functions())
        .map(|(index, (name, _))| Export {
            name: name.into(),
            index: ExternIndex::Func(index),
        })
        .collect();
    for (name, index) in [
        ("host", ExternIndex::Func(0)),
        ("memory", ExternIndex::Memory(0)),
        ("table", ExternIndex::Table(0)),
        ("global", ExternIndex::Global(0)),
    ] {
        exports.push(Export {
            name: name.into(),
            index,
        });
    }
    let manifest = Manifest {
        module_name: Some("handmade".into()),
        types: vec![SubType::plain(func_type())],
        imports: vec![Import {
            module: "env".into(),
            name: "host".into(),
            ty: ImportType::Func(0),
        }],
        exports,
        tables: vec![TablePlan {
            ty: TableType::new(ValType::FUNCREF, 4, None),
            constant: None,
            init: ConstExpr::RefNull(HeapType::Func),
        }],
        memories: vec![MemoryPlan {
            ty: MemoryType::new(1, Some(3)),
            image: vec![Extent {
                memory_offset: 4096,
                image_offset: 0,
                len: 4096,
            }],
        }],
        globals: vec![GlobalPlan {
            ty: GlobalType {
                content: ValType::I32,
                mutable: true,
            },
            init: ConstExpr::I32(7),
        }],
        data_segments: vec![
            DataSegment {
                mode: DataMode::Active {
                    memory: 0,
                    offset: ConstExpr::GlobalGet(0),
                },
                bytes: Range32 { offset: 0, len: 3 },
            },
            DataSegment {
                mode: DataMode::InImage,
                bytes: Range32::default(),
            },
        ],
        // Element 0: the import, 1: `add`, 2: null; 3 is left as it is.
        element_segments: vec![ElementSegment {
            mode: ElementMode::Active {
                table: 0,
                offset: ConstExpr::I32(0),
            },
            items: ElementItems::Funcs(Range32 { offset: 4, len: 12 }),
        }],
        // `add` escapes.
        escaping: Range32 { offset: 0, len: 4 },
        got: got.map(|symbol| symbol.name().into()).into(),
        entry_trampolines: vec![Some(in_slots(offset(&pt_entry)))],
        import_trampolines: vec![Some(in_slots(offset(&pt_import)))],
        ..Manifest::default()
    };
    Parts {
        manifest,
        tunables: Tunables::DEFAULT,
        elements: [1, 0, 1, u32::MAX].map(u32::to_le_bytes).concat(),
        passive: b"abc".to_vec(),
        image: vec![0xee; 4096],
    }
}

impl Parts {
    pub(crate) fn write(&self) -> Vec<u8> {
        let funcs = functions().map(|(_, text_offset)| FuncEntry {
            text_offset,
            type_index: 0,
        });
        let symbols = functions().map(|(name, offset)| Symbol {
            name: name.into(),
            section: Section::Text,
            offset,
            size: 1,
        });
        precast_artifacts_format::write(&ArtifactParts {
            target: Target::host().unwrap(),
            cpu_features: CpuFeatures::NONE,
            tunables: self.tunables,
            compiler_version: "by hand",
            manifest: &self.manifest,
            text: text(),
            tables: &[],
            funcs: &FuncTable::encode(&funcs, offset(&pt_funcs_end)),
            traps: &traps(),
            address_map: &address_map(),
            unwind: &[0; 4],
            elements: &self.elements,
            passive: &self.passive,
            image: &self.image,
            custom: &CustomSections::encode(&[]),
            symbols: &symbols,
        })
    }

    pub(crate) fn load(&self, engine: &Engine) -> Module {
        // SAFETY: the code stands above; tests change only what the loader checks.
        unsafe { Module::load_bytes(engine, &self.write()).unwrap() }
    }
}

/// An instance whose imported function is `host`.
pub(crate) fn instantiate<T>(data: T, define: impl FnOnce(&mut Linker<T>)) -> (Store<T>, Instance) {
    let engine = Engine::default();
    let module = parts().load(&engine);
    let mut linker = Linker::new(&engine);
    define(&mut linker);
    let mut store = Store::new(&engine, data);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

/// The same, for tests that do not care for it.
pub(crate) fn plain() -> (Store<()>, Instance) {
    instantiate((), |linker| {
        linker.func("env", "host", |a: i64, b: i64| a * b).unwrap();
    })
}

/// Calls an exported function.
pub(crate) fn call<T>(
    store: &mut Store<T>,
    instance: Instance,
    name: &str,
    params: (i64, i64),
) -> Result<i64, precast_loader::Error> {
    instance
        .typed_func::<(i64, i64), i64>(store, name)
        .unwrap()
        .call(store, params)
}

#[test]
fn the_code_knows_the_layout_of_the_vmctx() {
    let layout = VmctxLayout::new(&VmctxCounts {
        types: 1,
        imported_funcs: 1,
        memories: 1,
        tables: 1,
        globals: 1,
        funcrefs: 1,
        ..VmctxCounts::default()
    })
    .unwrap();
    assert_eq!(layout.type_id(0), 24);
    assert_eq!(layout.imported_func(0), 32);
    assert_eq!(layout.memory(0), 48);
    assert_eq!(layout.table(0), 64);
}
