//! The runtime symbols: what generated code asks of the loader.
//!
//! One table. The compiler derives names and signatures from it, the loader matches on the
//! variants, so that a symbol without an implementation does not compile.

/// The type of a parameter or result of a runtime symbol, in the C convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbiType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer or address.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 128-bit vector of bytes.
    V128,
}

macro_rules! runtime_symbols {
    ($($(#[$doc:meta])* $variant:ident = $name:literal ($($param:ident),*) $(-> $result:ident)?;)*) => {
        /// A function of the loader that generated code reaches by name, through `.got`.
        ///
        /// Unless said otherwise the first parameter is the caller's vmctx, indices are those of
        /// the module's index spaces, and a result of type `I32` is 0 for success and 1 for "out
        /// of bounds", on which the code traps.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum RuntimeSymbol {
            $($(#[$doc])* $variant,)*
        }

        impl RuntimeSymbol {
            /// All symbols.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The symbol's name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The types of the parameters.
            pub const fn params(self) -> &'static [AbiType] {
                match self { $(Self::$variant => &[$(AbiType::$param),*],)* }
            }

            /// The type of the result, if there is one.
            pub const fn result(self) -> Option<AbiType> {
                match self { $(Self::$variant => runtime_symbols!(@result $($result)?),)* }
            }
        }
    };
    (@result $result:ident) => { Some(AbiType::$result) };
    (@result) => { None };
}

runtime_symbols! {
    /// `()`: resumes at the exit of the entry trampoline by which this thread has last entered guest
    /// code; does not return. The error is where the host function left it.
    Raise = "precast_raise" ();
    /// `(vmctx, memory, delta in pages) → pages before, or −1`.
    MemoryGrow = "precast_memory_grow" (I64, I32, I64) -> I64;
    /// `(vmctx, destination memory, source memory, destination, source, length)`.
    MemoryCopy = "precast_memory_copy" (I64, I32, I32, I64, I64, I64) -> I32;
    /// `(vmctx, memory, destination, byte, length)`.
    MemoryFill = "precast_memory_fill" (I64, I32, I64, I32, I64) -> I32;
    /// `(vmctx, memory, data segment, destination, source, length)`.
    MemoryInit = "precast_memory_init" (I64, I32, I32, I64, I64, I64) -> I32;
    /// `(vmctx, data segment)`.
    DataDrop = "precast_data_drop" (I64, I32);
    /// `(vmctx, table, initial element, delta) → length before, or −1`.
    TableGrow = "precast_table_grow" (I64, I32, I64, I64) -> I64;
    /// `(vmctx, destination table, source table, destination, source, length)`.
    TableCopy = "precast_table_copy" (I64, I32, I32, I64, I64, I64) -> I32;
    /// `(vmctx, table, destination, element, length)`.
    TableFill = "precast_table_fill" (I64, I32, I64, I64, I64) -> I32;
    /// `(vmctx, table, element segment, destination, source, length)`.
    TableInit = "precast_table_init" (I64, I32, I32, I64, I64, I64) -> I32;
    /// `(vmctx, element segment)`.
    ElemDrop = "precast_elem_drop" (I64, I32);
    /// `(vmctx, function, slots of the parameters, frame pointer)`: a function begins, in code
    /// that tells a listener so.
    FuncEnter = "precast_func_enter" (I64, I32, I64, I64);
    /// `(vmctx, function, slots of the results or 0, frame pointer)`: a function ends, in code
    /// that tells a listener so. 0 stands for a tail call: what it calls will give the results.
    FuncLeave = "precast_func_leave" (I64, I32, I64, I64);
    /// `(vmctx, type id, type id)`: whether the first is a subtype of the second, 1 for "no".
    CheckSubtype = "precast_check_subtype" (I64, I32, I32) -> I32;
    /// Rounds up, for CPUs without an instruction for it.
    CeilF32 = "precast_ceil_f32" (F32) -> F32;
    /// Rounds up, for CPUs without an instruction for it.
    CeilF64 = "precast_ceil_f64" (F64) -> F64;
    /// Rounds down, for CPUs without an instruction for it.
    FloorF32 = "precast_floor_f32" (F32) -> F32;
    /// Rounds down, for CPUs without an instruction for it.
    FloorF64 = "precast_floor_f64" (F64) -> F64;
    /// Rounds toward zero, for CPUs without an instruction for it.
    TruncF32 = "precast_trunc_f32" (F32) -> F32;
    /// Rounds toward zero, for CPUs without an instruction for it.
    TruncF64 = "precast_trunc_f64" (F64) -> F64;
    /// Rounds to nearest, ties to even, for CPUs without an instruction for it.
    NearestF32 = "precast_nearest_f32" (F32) -> F32;
    /// Rounds to nearest, ties to even, for CPUs without an instruction for it.
    NearestF64 = "precast_nearest_f64" (F64) -> F64;
    /// SSSE3's byte shuffle `(bytes, indices)`, for x86-64 CPUs without it.
    X86Pshufb = "precast_x86_pshufb" (V128, V128) -> V128;
    /// `(vmctx, tag, slots of the arguments)`: throws a new exception. Does not return: execution
    /// goes on at a handler, or the guest ends. The caller has left its frame pointer as an import
    /// trampoline does.
    Throw = "precast_throw" (I64, I32, I64);
    /// `(vmctx, reference to an exception)`: throws it again, in the same way.
    ThrowRef = "precast_throw_ref" (I64, I32);
    /// `(vmctx, memory, index, offset, count) → waiters woken, or −1`, on which the code traps.
    AtomicNotify = "precast_atomic_notify" (I64, I32, I64, I64, I32) -> I64;
    /// `(vmctx, memory, index, offset, expected, timeout in ns) → 0 woken, 1 not equal, 2 timed
    /// out, or −1`, on which the code traps. A timeout below zero is none.
    AtomicWait32 = "precast_atomic_wait32" (I64, I32, I64, I64, I32, I64) -> I64;
    /// The same for a value of 64 bits.
    AtomicWait64 = "precast_atomic_wait64" (I64, I32, I64, I64, I64, I64) -> I64;
}

impl RuntimeSymbol {
    /// The symbol of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|symbol| symbol.name() == name)
    }
}
