//! What a function's code is found by: all that its translation reads.
//!
//! An index says nothing by itself, since it is another one as soon as something is added in front.
//! So a body is encoded operator by operator, and in the place of each index stands what it means:
//! of a callee its type and whether it is the module's own, of a global its type, its place and its
//! value if that never changes, and so on. A function that the module defines is known by when the
//! body first names it; that is also how the code's references to it are kept
//! (`incremental/record.rs`). Two bodies with the same encoding are translated to the same IR, but for
//! the names of callees and the place of the body, and Cranelift's code does not depend on these
//! (`FunctionStencil`, what its own cache is keyed by, is a function without them).
//!
//! To forget something would be to run the wrong code. Hence:
//!
//! - [`Surroundings::new`] takes apart what a translation can ask, field by field, so that a new one
//!   does not go unseen;
//! - the encoding of operators (`key/operators.rs`) is made from wasmparser's own list of them and of
//!   their fields, so that one with a field that nothing is known about does not compile;
//! - tests change everything around functions and compare with a whole compilation.

use std::hash::{Hash, Hasher};

use precast_artifacts_format::{
    ConstExpr, FuncType, GlobalType, MemoryType, SubType, TableType, Tunables,
};
use rustc_hash::FxHashMap;
use wasmparser::{BlockType, BrTable, Catch, MemArg, MemArgTarget, Operator, TryTable};

use crate::env::ModuleEnv;
use crate::module::{Body, Module};
use crate::plan::{Plan, TablePlace};

mod operators;

/// BLAKE3 of a function's encoding.
pub(crate) type Key = [u8; blake3::OUT_LEN];

/// What is known of a function before it is compiled.
pub(crate) struct Subject {
    pub(crate) key: Key,
    /// The functions of the module's own that the body names, in the order in which it does first,
    /// by their index among those.
    pub(crate) callees: Vec<u32>,
    /// Where the body starts, in bytes from the start of the module.
    pub(crate) body_offset: u32,
    pub(crate) body_bytes: u32,
}

/// What translations read of their surroundings. The options are not part of it: functions of
/// other options are never looked at.
pub(crate) struct Surroundings<'a> {
    module: &'a Module<'a>,
    plan: &'a Plan,
    tunables: Tunables,
    listeners: bool,
    /// What all functions depend on: every one starts with the addresses of all memories.
    common: Vec<u8>,
}

impl<'a> Surroundings<'a> {
    pub(crate) fn new(env: &'a ModuleEnv<'a>) -> Self {
        let ModuleEnv {
            module,
            plan,
            // From the options.
            isa: _,
            tunables,
            listeners,
            deterministic: _,
            // What exceeds them is refused, also where the code is known.
            limits: _,
            budget: _,
            // From the module's types.
            signatures: _,
        } = *env;
        let Module {
            // Where an index of theirs stands in a body, its meaning is encoded.
            types: _,
            type_of_index: _,
            funcs: _,
            imported_funcs: _,
            tables: _,
            imported_tables: _,
            globals: _,
            imported_globals: _,
            tags: _,
            branch_hints: _,
            // Encoded here.
            memories,
            imported_memories: _,
            // Indices of segments are encoded as they are, since the code passes them on.
            elements: _,
            data: _,
            // What is known of a global's value is in the plan.
            global_inits: _,
            // The tables' contents are data, but for the length of constant ones.
            table_inits: _,
            // The code of a function does not depend on other bodies, nor on how things are called
            // and what of them is seen from outside, but for what the plan makes of that.
            bodies: _,
            name: _,
            type_groups: _,
            features: _,
            imports: _,
            exports: _,
            imported_tags: _,
            start: _,
            code_offset: _,
            func_names: _,
            custom_sections: _,
        } = module;
        let Plan {
            // Encoded with what has its place there.
            layout: _,
            tables: _,
            funcref_of: _,
            const_globals: _,
            // For the artifact, and for code that is not kept.
            const_tables: _,
            escaping: _,
            thunks: _,
            entry_types: _,
            import_types: _,
            throws: _,
            images: _,
            features: _,
        } = plan;
        let mut this = Self {
            module,
            plan,
            tunables,
            listeners,
            common: Vec::new(),
        };
        let mut common = Bytes::default();
        common.number(memories.len() as u64);
        for (index, ty) in (0..).zip(memories) {
            this.memory(&mut common, index, ty);
        }
        this.common = common.0;
        this
    }

    /// What is known of the function at this index among the defined ones. `None` if nothing of it
    /// may be kept: it does not decode, or has operators that are never compiled.
    pub(crate) fn subject(&self, defined: u32) -> Option<Subject> {
        let body = &self.module.bodies[defined as usize];
        let func_index = self.module.imported_funcs + defined;
        let mut encoding = Encoding {
            around: self,
            bytes: Bytes::default(),
            named: FxHashMap::default(),
            callees: Vec::new(),
            only_calls: false,
        };
        encoding.bytes.0.reserve(4 * body.body.as_bytes().len());
        encoding.bytes.0.extend(&self.common);
        encoding.function(func_index, body)?;
        Some(Subject {
            key: blake3::hash(&encoding.bytes.0).into(),
            callees: encoding.callees,
            body_offset: body.body.range().start as u32,
            body_bytes: body.body.as_bytes().len() as u32,
        })
    }

    fn memory(&self, bytes: &mut Bytes, index: u32, ty: &MemoryType) {
        let MemoryType {
            is_64,
            is_shared,
            page_bytes_log2,
            minimum_pages,
            // Growing asks the runtime.
            maximum_pages: _,
        } = *ty;
        (is_64, is_shared, page_bytes_log2).hash(bytes);
        ty.is_checked(&self.tunables).hash(bytes);
        // Only checks in 64-bit memories look at what a memory starts with, which in 32-bit ones
        // is different as soon as there is more data.
        is_64.then_some(minimum_pages).hash(bytes);
        let layout = &self.plan.layout;
        match index.checked_sub(self.module.imported_memories) {
            Some(defined) => (true, layout.memory(defined)).hash(bytes),
            None => (false, layout.imported_memory(index)).hash(bytes),
        }
    }
}

/// Bytes from which what was written can be told again.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    /// As LEB128.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

/// What derives `Hash` is encoded by that, with all the fields that it has.
impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("the bytes are hashed by another function")
    }
}

/// Kinds of indices that stand for something the module has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Space {
    Type,
    Func,
    FuncRef,
    Table,
    Global,
    Tag,
}

/// A function being encoded. Its methods give `None` for what is never compiled; those with the name
/// of a field encode fields of that name.
struct Encoding<'a> {
    around: &'a Surroundings<'a>,
    bytes: Bytes,
    /// What has been named so far, with its number. What comes first has its meaning behind its
    /// number, and all of it is there only once: the translation, too, makes equal things once.
    named: FxHashMap<(Space, u32), u64>,
    callees: Vec<u32>,
    /// Whether the operator that is encoded does nothing with a function but call it.
    only_calls: bool,
}

impl Encoding<'_> {
    fn function(&mut self, func_index: u32, body: &Body<'_>) -> Option<()> {
        let module = self.around.module;
        self.signature(module.funcs[func_index as usize]);
        if self.around.listeners {
            // They are told.
            self.bytes.number(u64::from(func_index));
        }
        let hints = module.branch_hints.of(func_index);
        self.bytes.number(hints.len() as u64);
        for hint in hints {
            self.bytes.number(u64::from(hint.body_offset));
            hint.taken.hash(&mut self.bytes);
        }
        self.bytes.number(body.body.as_bytes().len() as u64);
        let mut locals = body.body.get_locals_reader().ok()?;
        self.bytes.number(u64::from(locals.get_count()));
        for _ in 0..locals.get_count() {
            let (count, ty) = locals.read().ok()?;
            self.bytes.number(u64::from(count));
            self.ty(ty)?;
        }
        let mut operators = body.body.get_operators_reader().ok()?;
        let mut last = body.body.range().start;
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset().ok()?;
            // Where operators are is known to the artifact.
            self.bytes.number(offset - last);
            last = offset;
            self.only_calls = matches!(
                operator,
                Operator::Call { .. } | Operator::ReturnCall { .. }
            );
            self.operator(&operator)?;
        }
        Some(())
    }

    /// Encodes the number by which something is known in this body; says whether it is new.
    fn is_new(&mut self, space: Space, index: u32) -> bool {
        let next = self.named.len() as u64;
        let number = *self.named.entry((space, index)).or_insert(next);
        self.bytes.number(number);
        number == next
    }

    /// What values a unique type takes and gives, which is all that calls of a known function and
    /// blocks ask.
    fn signature(&mut self, unique: u32) {
        if self.is_new(Space::Type, unique) {
            let FuncType { params, results } = self.around.module.type_at(unique);
            (params, results).hash(&mut self.bytes);
        }
    }

    /// A type that is compared with others as the program runs.
    fn type_index(&mut self, index: u32) -> Option<()> {
        let module = self.around.module;
        let unique = *module.type_of_index.get(index as usize)?;
        self.signature(unique);
        let SubType {
            is_final,
            supertype,
            func: _,
        } = module.types[unique as usize];
        (unique, is_final, supertype).hash(&mut self.bytes);
        let place = self.around.plan.layout.type_id(unique);
        self.bytes.number(u64::from(place));
        Some(())
    }

    fn function_index(&mut self, index: u32) -> Option<()> {
        let Surroundings { module, plan, .. } = self.around;
        let ty = *module.funcs.get(index as usize)?;
        if self.is_new(Space::Func, index) {
            self.signature(ty);
            match module.defined_func(index) {
                Some(defined) => {
                    self.callees.push(defined);
                    true.hash(&mut self.bytes);
                }
                None => (false, plan.layout.imported_func(index)).hash(&mut self.bytes),
            }
        }
        if !self.only_calls && self.is_new(Space::FuncRef, index) {
            let place = plan.funcref_of.get(&index);
            let place = place.map(|&funcref| plan.layout.funcref(funcref));
            place.hash(&mut self.bytes);
        }
        Some(())
    }

    fn table(&mut self, index: u32) -> Option<()> {
        let Surroundings { module, plan, .. } = self.around;
        let TableType {
            element,
            is_64,
            // The code asks for the length, unless the table is constant.
            minimum: _,
            maximum: _,
        } = *module.tables.get(index as usize)?;
        // The runtime is told which table it is.
        self.bytes.number(u64::from(index));
        if self.is_new(Space::Table, index) {
            (element, is_64).hash(&mut self.bytes);
            let (kind, place, length) = match plan.tables[index as usize] {
                TablePlace::Imported(number) => (0, plan.layout.imported_table(number), 0),
                TablePlace::Vmctx(number) => (1, plan.layout.table(number), 0),
                TablePlace::Constant { offset, length } => (2, offset, length),
            };
            (kind, place, length).hash(&mut self.bytes);
        }
        Some(())
    }

    fn global_index(&mut self, index: u32) -> Option<()> {
        let Surroundings { module, plan, .. } = self.around;
        let GlobalType { content, mutable } = *module.globals.get(index as usize)?;
        if !self.is_new(Space::Global, index) {
            return Some(());
        }
        let bytes = &mut self.bytes;
        (content, mutable).hash(bytes);
        match index.checked_sub(module.imported_globals) {
            Some(defined) => (true, plan.layout.global(defined)).hash(bytes),
            None => (false, plan.layout.imported_global(index)).hash(bytes),
        }
        match &plan.const_globals[index as usize] {
            Some(ConstExpr::I32(value)) => (1, value).hash(bytes),
            Some(ConstExpr::I64(value)) => (2, value).hash(bytes),
            Some(ConstExpr::F32(value)) => (3, value).hash(bytes),
            Some(ConstExpr::F64(value)) => (4, value).hash(bytes),
            Some(ConstExpr::V128(value)) => (5, value).hash(bytes),
            Some(ConstExpr::RefNull(heap)) => (6, heap).hash(bytes),
            // They say nothing before there is an instance.
            Some(ConstExpr::GlobalGet(_) | ConstExpr::RefFunc(_) | ConstExpr::Ops(_)) | None => {
                0.hash(bytes);
            }
        }
        Some(())
    }

    fn tag_index(&mut self, index: u32) -> Option<()> {
        let ty = *self.around.module.tags.get(index as usize)?;
        self.bytes.number(u64::from(index));
        if self.is_new(Space::Tag, index) {
            self.signature(ty);
        }
        Some(())
    }

    fn ty(&mut self, ty: wasmparser::ValType) -> Option<()> {
        // Types that are not known have no meaning, and types of references to functions are known
        // by number.
        let index = match ty {
            wasmparser::ValType::Ref(ty) => ty.type_index().map(|index| index.unpack()),
            _ => None,
        };
        self.concrete(index)?;
        let ty = self.around.module.val_type(ty, 0).ok()?;
        ty.hash(&mut self.bytes);
        Some(())
    }

    fn hty(&mut self, ty: wasmparser::HeapType) -> Option<()> {
        self.concrete(match ty {
            wasmparser::HeapType::Concrete(index) => Some(index),
            _ => None,
        })?;
        let ty = self.around.module.heap_type(ty, 0).ok()?;
        ty.hash(&mut self.bytes);
        Some(())
    }

    /// `None` if the type is not one of the module's: bodies are encoded before they are validated.
    fn concrete(&self, index: Option<wasmparser::UnpackedIndex>) -> Option<()> {
        let types = &self.around.module.type_of_index;
        match index {
            None => Some(()),
            Some(index) => types.get(index.as_module_index()? as usize).map(|_| ()),
        }
    }

    fn blockty(&mut self, ty: BlockType) -> Option<()> {
        match ty {
            BlockType::Empty => 0.hash(&mut self.bytes),
            BlockType::Type(ty) => {
                1.hash(&mut self.bytes);
                self.ty(ty)?;
            }
            BlockType::FuncType(index) => {
                2.hash(&mut self.bytes);
                let module = self.around.module;
                let unique = *module.type_of_index.get(index as usize)?;
                self.signature(unique);
            }
        }
        Some(())
    }

    fn try_table(&mut self, TryTable { ty, catches }: TryTable) -> Option<()> {
        self.blockty(ty)?;
        self.bytes.number(catches.len() as u64);
        for catch in catches {
            let (kind, tag, label) = match catch {
                Catch::One { tag, label } => (0, Some(tag), label),
                Catch::OneRef { tag, label } => (1, Some(tag), label),
                Catch::All { label } => (2, None, label),
                Catch::AllRef { label } => (3, None, label),
            };
            kind.hash(&mut self.bytes);
            self.bytes.number(u64::from(label));
            if let Some(tag) = tag {
                self.tag_index(tag)?;
            }
        }
        Some(())
    }

    fn targets(&mut self, targets: BrTable<'_>) -> Option<()> {
        self.bytes.number(u64::from(targets.len()));
        for depth in targets.targets() {
            self.bytes.number(u64::from(depth.ok()?));
        }
        self.bytes.number(u64::from(targets.default()));
        Some(())
    }

    fn memarg(&mut self, memarg: MemArg) -> Option<()> {
        let MemArg {
            align,
            // The operator's.
            max_align: _,
            offset,
            target: MemArgTarget::Memory(memory),
            ordering: None,
        } = memarg
        else {
            return None;
        };
        self.bytes.number(u64::from(align));
        self.bytes.number(offset);
        self.mem(memory)
    }
}
