//! What is to be done with a module: which functions are called, and with what.

use std::fmt;
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use wasmparser::{ExternalKind, Parser, Payload, RefType, TypeRef, ValType};

/// A value; of references only whether they are null.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// An i32.
    I32(i32),
    /// An i64.
    I64(i64),
    /// An f32's bits.
    F32(u32),
    /// An f64's bits.
    F64(u64),
    /// A v128.
    V128(u128),
    /// A reference, and whether it is null. Where an engine is given one that is not, its type is
    /// `externref`.
    Ref(bool),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I32(value) => write!(f, "i32 {value:#x}"),
            Self::I64(value) => write!(f, "i64 {value:#x}"),
            Self::F32(bits) => write!(f, "f32 {bits:#x}"),
            Self::F64(bits) => write!(f, "f64 {bits:#x}"),
            Self::V128(value) => write!(f, "v128 {value:#x}"),
            Self::Ref(true) => write!(f, "null"),
            Self::Ref(false) => write!(f, "a reference"),
        }
    }
}

impl Value {
    /// A value of the type, made of numbers.
    pub(super) fn of(ty: ValType, number: u64, high: u64) -> Self {
        match ty {
            ValType::I32 => Self::I32(number as i32),
            ValType::I64 => Self::I64(number as i64),
            ValType::F32 => Self::F32((number as f32).to_bits() ^ (number as u32)),
            ValType::F64 => Self::F64(number),
            ValType::V128 => Self::V128(u128::from(number) << 64 | u128::from(high)),
            ValType::Ref(ty) => Self::Ref(ty != RefType::EXTERNREF || number.is_multiple_of(2)),
        }
    }

    /// One of those where operators do something special, or any.
    fn any(ty: ValType, u: &mut Unstructured<'_>) -> Result<Self> {
        let number = if u.arbitrary()? {
            u.arbitrary()?
        } else {
            *u.choose(&[0, 1, u64::MAX, 1 << 31, 1 << 63, 0xffff, 0x1_0000, 64, 32])?
        };
        let high = match ty {
            ValType::V128 => u.arbitrary()?,
            _ => 0,
        };
        Ok(Self::of(ty, number, high))
    }
}

/// What is to be done with a module.
///
/// Imports are numbered by kind: engines list them in orders of their own.
#[derive(Debug, Clone)]
pub struct Script {
    /// The module.
    pub wasm: Vec<u8>,
    /// The results of the functions that it imports.
    pub imported_funcs: Vec<Vec<ValType>>,
    /// The values of the globals that it imports.
    pub imported_globals: Vec<Value>,
    /// The exports, by kind.
    pub exports: Exports,
    /// Functions to call, and their parameters.
    pub calls: Vec<(String, Vec<Value>)>,
    /// How often precast may use fuel, where its code counts that.
    pub fuel: u64,
}

/// Names of exports, by kind, in the module's order.
#[derive(Debug, Clone, Default)]
pub struct Exports {
    /// Functions.
    pub funcs: Vec<Exported>,
    /// Globals.
    pub globals: Vec<String>,
    /// Memories.
    pub memories: Vec<String>,
    /// Tables.
    pub tables: Vec<String>,
}

/// An exported function.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub params: Vec<ValType>,
    /// Whether it is the host's.
    pub is_import: bool,
}

impl Script {
    /// Calls of what the module exports, chosen by the bytes that are left.
    ///
    /// # Errors
    ///
    /// None: without bytes, numbers are zero.
    ///
    /// # Panics
    ///
    /// If the module is not valid, or of types beyond functions'.
    pub(super) fn new(wasm: Vec<u8>, fuel: u64, u: &mut Unstructured<'_>) -> Result<Arc<Self>> {
        let mut script = Self {
            wasm: Vec::new(),
            imported_funcs: Vec::new(),
            imported_globals: Vec::new(),
            exports: Exports::default(),
            calls: Vec::new(),
            fuel,
        };
        script.read(&wasm);
        script.wasm = wasm;
        for func in &script.exports.funcs {
            for _ in 0..u.int_in_range(1..=2)? {
                let params = func.params.iter().map(|&ty| Value::any(ty, u));
                let params = params.collect::<Result<_>>()?;
                script.calls.push((func.name.clone(), params));
            }
        }
        Ok(Arc::new(script))
    }

    /// Finds what the module imports and exports.
    fn read(&mut self, wasm: &[u8]) {
        let exports = &mut self.exports;
        let (mut types, mut funcs) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.expect("a valid module") {
                Payload::TypeSection(section) => {
                    let all = section.into_iter_err_on_gc_types();
                    types = all.map(|ty| ty.expect("a function type")).collect();
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.expect("valid");
                        match import.ty {
                            TypeRef::Func(ty) => {
                                funcs.push(ty);
                                let results = types[ty as usize].results().to_vec();
                                self.imported_funcs.push(results);
                            }
                            TypeRef::Global(ty) => {
                                // Other names are those of wasm-smith, and as good as any number.
                                let number =
                                    import.name.parse().unwrap_or(import.name.len() as u64);
                                let value = Value::of(ty.content_type, number, number);
                                self.imported_globals.push(value);
                            }
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    funcs.extend(section.into_iter().map(|ty| ty.expect("valid")));
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.expect("valid");
                        let name = export.name.to_owned();
                        let index = export.index as usize;
                        match export.kind {
                            ExternalKind::Func => exports.funcs.push(Exported {
                                name,
                                params: types[funcs[index] as usize].params().to_vec(),
                                is_import: index < self.imported_funcs.len(),
                            }),
                            ExternalKind::Global => exports.globals.push(name),
                            ExternalKind::Memory => exports.memories.push(name),
                            ExternalKind::Table => exports.tables.push(name),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
