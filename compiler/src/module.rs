//! A parsed module: what the sections say, with function bodies left for later.

use crate::features::Features;
use precast_artifacts_format::{
    ConstExpr, Export, FuncType, GlobalType, Import, MemoryType, SubType, TableType, TypeGroup,
    ValType,
};
use wasmparser::{FuncToValidate, FunctionBody, ValidatorResources};

use crate::branch_hints::BranchHints;

/// A module as it was parsed. Index spaces have the imports first.
#[derive(Default)]
pub(crate) struct Module<'a> {
    /// The module's own name.
    pub(crate) name: Option<&'a str>,
    /// The types, each once.
    pub(crate) types: Vec<SubType>,
    /// Which of them form recursion groups of more than one.
    pub(crate) type_groups: Vec<TypeGroup>,
    /// From the module's type indices to `types`.
    pub(crate) type_of_index: Vec<u32>,
    /// What it needs beyond version 2.0, as far as can be told without its bodies.
    pub(crate) features: Features,
    pub(crate) imports: Vec<Import>,
    pub(crate) exports: Vec<Export>,
    /// The type of each function, an index into `types`.
    pub(crate) funcs: Vec<u32>,
    pub(crate) imported_funcs: u32,
    pub(crate) tables: Vec<TableType>,
    pub(crate) imported_tables: u32,
    /// What each defined table is filled with.
    pub(crate) table_inits: Vec<ConstExpr>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) imported_memories: u32,
    pub(crate) globals: Vec<GlobalType>,
    pub(crate) imported_globals: u32,
    /// The first value of each defined global.
    pub(crate) global_inits: Vec<ConstExpr>,
    /// The type of each tag, an index into `types`.
    pub(crate) tags: Vec<u32>,
    pub(crate) imported_tags: u32,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<Elements>,
    pub(crate) data: Vec<Data<'a>>,
    /// Where the contents of the code section start, in bytes from the start of the module.
    pub(crate) code_offset: u32,
    /// The body of each defined function.
    pub(crate) bodies: Vec<Body<'a>>,
    /// Names of functions, by index, as far as the name section goes.
    pub(crate) func_names: Vec<Option<&'a str>>,
    pub(crate) branch_hints: BranchHints,
    /// Custom sections but for the name section, as name and contents.
    pub(crate) custom_sections: Vec<(&'a str, &'a [u8])>,
}

/// A function body that has neither been validated nor translated.
pub(crate) struct Body<'a> {
    pub(crate) validate: FuncToValidate<ValidatorResources>,
    pub(crate) body: FunctionBody<'a>,
}

/// An element segment.
pub(crate) struct Elements {
    pub(crate) mode: SegmentMode,
    pub(crate) items: Items,
}

/// The items of an element segment.
pub(crate) enum Items {
    /// Function indices; `u32::MAX` is null.
    Funcs(Vec<u32>),
    /// Constant expressions that are more than that.
    Exprs(Vec<ConstExpr>),
}

/// The item that stands for null in a list of function indices.
pub(crate) const NULL_FUNC: u32 = u32::MAX;

/// A data segment.
pub(crate) struct Data<'a> {
    pub(crate) mode: SegmentMode,
    pub(crate) bytes: &'a [u8],
}

/// When a segment is used.
#[derive(Clone)]
pub(crate) enum SegmentMode {
    Passive,
    Declared,
    /// Copied to this table or memory at this offset.
    Active(u32, ConstExpr),
}

impl Module<'_> {
    /// The function type at `index` of `types`.
    pub(crate) fn type_at(&self, index: u32) -> &FuncType {
        &self.types[index as usize].func
    }

    /// The type whose parameters are the arguments of exceptions with that tag.
    pub(crate) fn tag_type(&self, tag: u32) -> &FuncType {
        self.type_at(self.tags[tag as usize])
    }

    /// The index among the defined functions, or `None` for an imported one.
    pub(crate) fn defined_func(&self, func_index: u32) -> Option<u32> {
        func_index.checked_sub(self.imported_funcs)
    }

    /// The type that the module's `type_index` stands for, an index into `types`.
    pub(crate) fn unique_type(&self, type_index: u32) -> u32 {
        self.type_of_index[type_index as usize]
    }

    pub(crate) fn global_content(&self, global_index: u32) -> ValType {
        self.globals[global_index as usize].content
    }
}
