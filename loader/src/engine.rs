//! What modules and stores have in common: configuration and the identity of function types.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use precast_artifacts_format::{
    CpuFeatures, FuncType, Host, Manifest, SubType, Target, TypeInterner,
};

use crate::allocator::MemoryAllocator;
use crate::error::LimitError;
use crate::limits::Limits;
use crate::sys::mmap;
use crate::vm::source::Source;

/// Engine-wide id of a function type that no function has.
pub(crate) const NO_TYPE: u32 = u32::MAX;

/// Settings for an [`Engine`].
///
/// ```
/// use precast_loader::{Config, Engine};
///
/// let mut config = Config::new();
/// config.max_stack_bytes(256 << 10).max_memory_bytes(64 << 20);
/// let engine = Engine::new(&config);
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    max_stack_bytes: u64,
    limits: Limits,
    memory_allocator: Option<Arc<dyn MemoryAllocator>>,
    max_idle_memories: usize,
}

impl Config {
    /// The defaults: 1 MiB of stack, 4 GiB in a memory, 10 million elements in a table.
    ///
    /// ```
    /// # use precast_loader::{Config, Engine};
    /// let engine = Engine::new(&Config::new());
    /// ```
    pub fn new() -> Self {
        Self {
            max_stack_bytes: 1 << 20,
            limits: *Limits::new()
                .memory_bytes(4 << 30)
                .table_elements(10_000_000),
            memory_allocator: None,
            max_idle_memories: 16,
        }
    }

    /// How much stack guest code may use in one call from outside, in bytes. Host functions that
    /// it calls, and guest code that those call in turn, count too. Beyond that it traps with
    /// "call stack exhausted".
    ///
    /// The thread's stack must be larger than that by what host functions need at its end; on a
    /// smaller one, a guest that uses it up ends the process.
    ///
    /// ```
    /// # use precast_loader::{Config, Engine};
    /// let engine = Engine::new(Config::new().max_stack_bytes(64 << 10));
    /// ```
    pub fn max_stack_bytes(&mut self, bytes: usize) -> &mut Self {
        self.max_stack_bytes = bytes as u64;
        self
    }

    /// The most bytes that any one linear memory may have: 4 GiB if nothing else is said, which
    /// only a memory with 64-bit addresses can exceed. [`Limits`] limit a store's.
    ///
    /// ```
    /// # use precast_loader::{Config, Engine, Memory, MemoryType, Store};
    /// let engine = Engine::new(Config::new().max_memory_bytes(1 << 20));
    /// let mut store = Store::new(&engine, ());
    /// let ty = MemoryType::new(17, None);
    /// assert!(Memory::new(&mut store, ty).is_err());
    /// ```
    pub fn max_memory_bytes(&mut self, bytes: u64) -> &mut Self {
        self.limits.memory_bytes = bytes;
        self
    }

    /// The most elements that any one table may have. [`Limits`] limit a store's.
    ///
    /// ```
    /// # use precast_loader::{Config, Engine};
    /// let engine = Engine::new(Config::new().max_table_elements(10_000));
    /// ```
    pub fn max_table_elements(&mut self, elements: u64) -> &mut Self {
        self.limits.table_elements = elements;
        self
    }

    /// How many memories of dropped stores the engine keeps mapped, cleaned, for new stores; 16 at
    /// first. Mapping one and unmapping it takes longer than all the rest of instantiating a small
    /// module. Each takes its 4 GiB of address space meanwhile, and 64 KiB at most. For more than
    /// that, see [`Pool`](crate::Pool).
    ///
    /// ```
    /// use precast_loader::{Config, Engine};
    ///
    /// // What a store has had is unmapped when it is dropped.
    /// let engine = Engine::new(Config::new().max_idle_memories(0));
    /// ```
    pub fn max_idle_memories(&mut self, count: usize) -> &mut Self {
        self.max_idle_memories = count;
        self
    }

    /// Has linear memories made by the host.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use precast_loader::{Config, Engine, MemoryAllocator};
    ///
    /// fn engine_with(allocator: impl MemoryAllocator + 'static) -> Engine {
    ///     Engine::new(Config::new().memory_allocator(Arc::new(allocator)))
    /// }
    /// ```
    pub fn memory_allocator(&mut self, allocator: Arc<dyn MemoryAllocator>) -> &mut Self {
        self.memory_allocator = Some(allocator);
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// What modules and stores have in common. Cheap to clone; a clone is the same engine.
///
/// ```
/// let engine = precast_loader::Engine::default();
/// ```
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<EngineInner>,
}

#[derive(Debug)]
struct EngineInner {
    max_stack_bytes: u64,
    limits: Limits,
    memory_source: Source,
    types: Mutex<TypeRegistry>,
}

impl Engine {
    /// An engine with these settings.
    ///
    /// ```
    /// # use precast_loader::{Config, Engine};
    /// let engine = Engine::new(Config::new().max_memory_bytes(16 << 20));
    /// ```
    pub fn new(config: &Config) -> Self {
        Self {
            inner: Arc::new(EngineInner {
                max_stack_bytes: config.max_stack_bytes,
                limits: config.limits,
                memory_source: Source::new(
                    config.memory_allocator.clone(),
                    config.max_idle_memories,
                ),
                types: Mutex::default(),
            }),
        }
    }

    /// Whether both are the same engine.
    ///
    /// ```
    /// # use precast_loader::Engine;
    /// let engine = Engine::default();
    /// assert!(Engine::same(&engine, &engine.clone()));
    /// assert!(!Engine::same(&engine, &Engine::default()));
    /// ```
    pub fn same(a: &Self, b: &Self) -> bool {
        Arc::ptr_eq(&a.inner, &b.inner)
    }

    pub(crate) fn max_stack_bytes(&self) -> u64 {
        self.inner.max_stack_bytes
    }

    pub(crate) fn limits(&self) -> Limits {
        self.inner.limits
    }

    /// Where the memories of stores come from that are in no pool.
    pub(crate) fn memory_source(&self) -> &Source {
        &self.inner.memory_source
    }

    /// The ids of a manifest's types. Equal types have equal ids, in all modules of the engine.
    pub(crate) fn type_ids(&self, manifest: &Manifest) -> Result<Box<[u32]>, LimitError> {
        self.types().add_all(manifest)
    }

    /// The id of one function type, which refers to other types by their ids.
    pub(crate) fn type_id(&self, ty: &FuncType) -> Result<u32, LimitError> {
        self.types().add(ty)
    }

    /// Whether values of the type with the id `a` are of that with the id `b` too.
    pub(crate) fn is_subtype(&self, a: u32, b: u32) -> bool {
        a == b || self.types().is_declared_subtype(a, b)
    }

    /// The function type with that id.
    pub(crate) fn func_type(&self, id: u32) -> Option<Arc<FuncType>> {
        Some(Arc::clone(&self.types().by_id.get(id as usize)?.func))
    }

    fn types(&self) -> std::sync::MutexGuard<'_, TypeRegistry> {
        let types = &self.inner.types;
        types.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new(&Config::default())
    }
}

/// Numbers types. A type once seen stays, as long as the engine lives.
#[derive(Debug, Default)]
struct TypeRegistry {
    interner: TypeInterner,
    by_id: Vec<KnownType>,
}

/// A type that has an id. Other types are ids in it.
#[derive(Debug)]
struct KnownType {
    func: Arc<FuncType>,
    supertype: Option<u32>,
}

const TOO_MANY: LimitError = LimitError::TooMany {
    what: "function types",
};

impl TypeRegistry {
    fn add_all(&mut self, manifest: &Manifest) -> Result<Box<[u32]>, LimitError> {
        let mut ids = Vec::with_capacity(manifest.types.len());
        for (start, group) in manifest.groups() {
            let interned = self.interner.intern(group, start, &ids).ok_or(TOO_MANY)?;
            let first = interned.first;
            if interned.is_new {
                let id = |index: u32| match index.checked_sub(start) {
                    Some(within) => first + within,
                    None => ids.get(index as usize).copied().unwrap_or(NO_TYPE),
                };
                self.by_id.extend(group.iter().map(|ty| KnownType {
                    func: Arc::new(ty.func.map_types(id)),
                    supertype: ty.supertype.map(id),
                }));
            }
            ids.extend((first..).take(group.len()));
        }
        Ok(ids.into())
    }

    fn add(&mut self, ty: &FuncType) -> Result<u32, LimitError> {
        let plain = SubType::plain(ty.clone());
        let interned = self.interner.intern_alone(&plain).ok_or(TOO_MANY)?;
        if interned.is_new {
            self.by_id.push(KnownType {
                func: Arc::new(plain.func),
                supertype: None,
            });
        }
        Ok(interned.first)
    }

    fn is_declared_subtype(&self, a: u32, b: u32) -> bool {
        let supertype = |&id: &u32| self.by_id.get(id as usize)?.supertype;
        std::iter::successors(supertype(&a), supertype).any(|id| id == b)
    }
}

/// The machine this runs on, as artifacts are compared with it.
pub(crate) fn host() -> Option<&'static Host> {
    static HOST: OnceLock<Option<Host>> = OnceLock::new();
    let host = HOST.get_or_init(|| {
        Some(Host {
            cpu_features: CpuFeatures::of_host(),
            ..plainest_host()?
        })
    });
    host.as_ref()
}

/// The same, with a CPU that can do nothing beyond what all of its kind can.
///
/// Asking a CPU what it can do takes longer than loading an artifact where machines are virtual: each
/// question goes to the host of the machine. Most artifacts need no answer.
pub(crate) fn plainest_host() -> Option<Host> {
    Some(Host {
        target: Target::host()?,
        page_bytes: u32::try_from(mmap::page_bytes()).ok()?,
        cpu_features: CpuFeatures::NONE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use precast_artifacts_format::{HeapType, RefType, ValType};

    #[test]
    fn equal_types_have_equal_ids() {
        let engine = Engine::default();
        let a = FuncType::new([ValType::I32], []);
        let b = FuncType::new([], [ValType::I32]);
        let manifest = Manifest {
            types: [&a, &b].map(|ty| SubType::plain(ty.clone())).into(),
            ..Manifest::default()
        };
        let ids = engine.type_ids(&manifest).unwrap();
        assert_ne!(ids[0], ids[1]);
        assert_eq!(engine.type_ids(&manifest).unwrap(), ids);
        assert_eq!(engine.type_id(&b).unwrap(), ids[1]);
        assert_eq!(*engine.func_type(ids[1]).unwrap(), b);
        assert!(engine.func_type(2).is_none());
    }

    #[test]
    fn types_refer_to_others_by_their_ids() {
        let engine = Engine::default();
        let callback = engine.type_id(&FuncType::new([], [])).unwrap();
        let reference = |number| ValType::Ref(RefType::nullable(HeapType::Concrete(number)));
        let taking = FuncType::new([reference(callback)], []);
        let id = engine.type_id(&taking).unwrap();
        // The same types in a module, where the callback's number is another one.
        let manifest = Manifest {
            types: vec![
                SubType::plain(FuncType::new([ValType::F64], [])),
                SubType::plain(FuncType::new([], [])),
                SubType::plain(FuncType::new([reference(1)], [])),
            ],
            ..Manifest::default()
        };
        let ids = engine.type_ids(&manifest).unwrap();
        assert_eq!(ids[1..], [callback, id]);
        assert_eq!(*engine.func_type(id).unwrap(), taking);
        let dangling = FuncType::new([reference(1_000)], []);
        assert!(engine.type_id(&dangling).is_err());
    }

    #[test]
    fn subtypes_are_those_that_were_declared() {
        let declare = |supertype| SubType {
            is_final: false,
            supertype,
            func: FuncType::new([], []),
        };
        let manifest = Manifest {
            types: vec![declare(None), declare(Some(0)), declare(Some(1))],
            ..Manifest::default()
        };
        let engine = Engine::default();
        let ids = engine.type_ids(&manifest).unwrap();
        assert!(engine.is_subtype(ids[2], ids[0]));
        assert!(engine.is_subtype(ids[0], ids[0]));
        assert!(!engine.is_subtype(ids[0], ids[2]));
    }
}
