//! Types, from the parser's to ours.

use precast_artifacts_format::{
    FuncType, GlobalType, HeapType, MemoryType, RefType, SubType, TableType, TypeGroup,
    TypeInterner, ValType, WASM_PAGE_BYTES,
};
use wasmparser::{AbstractHeapType, CompositeInnerType, UnpackedIndex};

use super::Result;
use crate::error::CompileError;
use crate::features::Feature;
use crate::module::Module;

impl Module<'_> {
    /// Adds a recursion group, whose types keep only one number among equals.
    pub(super) fn add_types(
        &mut self,
        interner: &mut TypeInterner,
        group: wasmparser::RecGroup,
        offset: u64,
    ) -> Result<()> {
        let start = self.type_of_index.len() as u32;
        let group: Vec<SubType> = group
            .into_types()
            .map(|ty| self.sub_type(&ty, offset))
            .collect::<Result<_>>()?;
        let len = group.len() as u32;
        if len > 1 {
            self.features.insert(Feature::Gc);
        }
        let ids = &self.type_of_index;
        let interned = interner.intern(&group, start, ids).ok_or_else(|| {
            let message = "a type refers to one that is not there yet".to_owned();
            CompileError::Invalid {
                wasm_offset: offset,
                message,
            }
        })?;
        let first = interned.first;
        if interned.is_new {
            let unique = |index: u32| match index.checked_sub(start) {
                Some(within) => first + within,
                None => ids[index as usize],
            };
            self.types
                .extend(group.iter().map(|ty| ty.map_types(unique)));
            if len > 1 {
                self.type_groups.push(TypeGroup { first, len });
            }
        }
        self.type_of_index.extend(first..first + len);
        Ok(())
    }

    fn sub_type(&mut self, ty: &wasmparser::SubType, offset: u64) -> Result<SubType> {
        let CompositeInnerType::Func(func) = &ty.composite_type.inner else {
            let feature = "garbage collection (a type of structures or arrays)";
            return Err(CompileError::unsupported(offset, feature));
        };
        if ty.composite_type.shared {
            let feature = "shared-everything threads (a shared type)";
            return Err(CompileError::unsupported(offset, feature));
        }
        let supertype = match &ty.supertype_idxs[..] {
            [] => None,
            [supertype] => Some(module_index(supertype.unpack(), offset)?),
            _ => return Err(CompileError::unsupported(offset, "several supertypes")),
        };
        if !ty.is_final || supertype.is_some() {
            self.features.insert(Feature::Gc);
        }
        // Numbers of other types stay the module's until the whole group is known.
        let mut types = |types: &[wasmparser::ValType]| {
            let types = types.iter();
            types
                .map(|ty| {
                    let ty = val_type(*ty, offset, |index| index)?;
                    self.note_features(ty);
                    Ok(ty)
                })
                .collect::<Result<Box<[_]>>>()
        };
        Ok(SubType {
            is_final: ty.is_final,
            supertype,
            func: FuncType {
                params: types(func.params())?,
                results: types(func.results())?,
            },
        })
    }

    /// The type of a value, with the numbers of unique types.
    pub(crate) fn val_type(&self, ty: wasmparser::ValType, offset: u64) -> Result<ValType> {
        val_type(ty, offset, |index| self.unique_type(index))
    }

    /// What references refer to, with the numbers of unique types.
    pub(crate) fn heap_type(&self, ty: wasmparser::HeapType, offset: u64) -> Result<HeapType> {
        heap_type(ty, offset, |index| self.unique_type(index))
    }

    /// The type of something that the module declares, with the numbers of unique types. Notes what
    /// the type needs.
    fn declared_val_type(&mut self, ty: wasmparser::ValType, offset: u64) -> Result<ValType> {
        let ty = self.val_type(ty, offset)?;
        self.note_features(ty);
        Ok(ty)
    }

    fn note_features(&mut self, ty: ValType) {
        let ValType::Ref(RefType { nullable, heap }) = ty else {
            return;
        };
        match heap {
            HeapType::Exn | HeapType::NoExn => self.features.insert(Feature::Exceptions),
            HeapType::NoFunc | HeapType::NoExtern => self.features.insert(Feature::Gc),
            HeapType::Concrete(_) => self.features.insert(Feature::FunctionReferences),
            HeapType::Func | HeapType::Extern => {}
        }
        if !nullable {
            self.features.insert(Feature::FunctionReferences);
        }
    }

    pub(super) fn table_type(
        &mut self,
        ty: &wasmparser::TableType,
        offset: u64,
    ) -> Result<TableType> {
        if ty.shared {
            return Err(CompileError::unsupported(
                offset,
                "shared-everything threads (a shared table)",
            ));
        }
        if ty.table64 {
            self.features.insert(Feature::Memory64);
        }
        Ok(TableType {
            element: self.declared_val_type(ty.element_type.into(), offset)?,
            is_64: ty.table64,
            minimum: ty.initial,
            maximum: ty.maximum,
        })
    }

    pub(super) fn memory_type(&mut self, ty: &wasmparser::MemoryType) -> MemoryType {
        let page_bytes_log2 = ty.page_size_log2;
        let page_bytes_log2 = page_bytes_log2.unwrap_or(WASM_PAGE_BYTES.trailing_zeros()) as u8;
        let converted = MemoryType {
            is_64: ty.memory64,
            is_shared: ty.shared,
            page_bytes_log2,
            minimum_pages: ty.initial,
            maximum_pages: ty.maximum,
        };
        for (present, feature) in [
            (converted.is_64, Feature::Memory64),
            (converted.is_shared, Feature::Threads),
            (
                converted.page_bytes() != WASM_PAGE_BYTES,
                Feature::CustomPageSizes,
            ),
            (!self.memories.is_empty(), Feature::MultiMemory),
        ] {
            if present {
                self.features.insert(feature);
            }
        }
        converted
    }

    pub(super) fn global_type(
        &mut self,
        ty: &wasmparser::GlobalType,
        offset: u64,
    ) -> Result<GlobalType> {
        if ty.shared {
            return Err(CompileError::unsupported(
                offset,
                "shared-everything threads (a shared global)",
            ));
        }
        Ok(GlobalType {
            content: self.declared_val_type(ty.content_type, offset)?,
            mutable: ty.mutable,
        })
    }
}

fn val_type(ty: wasmparser::ValType, offset: u64, number: impl Fn(u32) -> u32) -> Result<ValType> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(RefType {
            nullable: ty.is_nullable(),
            heap: heap_type(ty.heap_type(), offset, number)?,
        }),
    })
}

fn heap_type(
    ty: wasmparser::HeapType,
    offset: u64,
    number: impl Fn(u32) -> u32,
) -> Result<HeapType> {
    let refuse = |proposal: &str| {
        let name = wasmparser::RefType::new(true, ty).map(|ty| format!(" of type {ty}"));
        let feature = format!("{proposal} (references{})", name.unwrap_or_default());
        Err(CompileError::unsupported(offset, feature))
    };
    Ok(match ty {
        wasmparser::HeapType::Concrete(index) => {
            HeapType::Concrete(number(module_index(index, offset)?))
        }
        wasmparser::HeapType::Abstract { shared: false, ty } => match ty {
            AbstractHeapType::Func => HeapType::Func,
            AbstractHeapType::NoFunc => HeapType::NoFunc,
            AbstractHeapType::Extern => HeapType::Extern,
            AbstractHeapType::NoExtern => HeapType::NoExtern,
            AbstractHeapType::Exn => HeapType::Exn,
            AbstractHeapType::NoExn => HeapType::NoExn,
            AbstractHeapType::Any
            | AbstractHeapType::None
            | AbstractHeapType::Eq
            | AbstractHeapType::Struct
            | AbstractHeapType::Array
            | AbstractHeapType::I31 => return refuse("garbage collection"),
            AbstractHeapType::Cont | AbstractHeapType::NoCont => return refuse("stack switching"),
        },
        wasmparser::HeapType::Abstract { shared: true, .. } => {
            return refuse("shared-everything threads");
        }
        wasmparser::HeapType::Exact(_) => return refuse("custom descriptors"),
    })
}

/// An index as it stands in the module.
fn module_index(index: UnpackedIndex, offset: u64) -> Result<u32> {
    index
        .as_module_index()
        .ok_or_else(|| CompileError::Invalid {
            wasm_offset: offset,
            message: "a type index that is none of the module's".to_owned(),
        })
}
