//! What can be seen of a module that runs, and how an engine is asked for it.

use super::host::{Event, Host};
use super::script::{Script, Value};

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With results.
    Values(Vec<Value>),
    /// With a trap.
    Trap(Kind),
    /// With an exception that nothing caught.
    Exception,
    /// The stack, or something else that engines have different amounts of, was used up.
    Exhausted,
}

/// Why a guest trapped, as far as engines tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `unreachable`.
    Unreachable,
    /// An access beyond a memory.
    Memory,
    /// An access beyond a table.
    Table,
    /// A null reference.
    Null,
    /// A function of another type.
    Signature,
    /// An integer that is too large for the result.
    Overflow,
    /// A division by zero.
    DivisionByZero,
    /// A float that is no integer.
    Conversion,
    /// An unaligned atomic access.
    Unaligned,
    /// A host function refused.
    Host,
    /// Something else.
    Other,
}

/// What can be seen after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How it ended; instantiating, as a trap of any kind or without values.
    pub ending: Ending,
    /// What the module asked the host for.
    pub events: Vec<Event>,
    /// Exported globals, in the order of the exports.
    pub globals: Vec<Value>,
    /// Exported memories: sizes in bytes, and what they hold in short.
    pub memories: Vec<(u64, u64)>,
    /// Exported tables: for each element whether it is null.
    pub tables: Vec<Vec<bool>>,
}

impl Step {
    /// The same, where another engine may give another reason. Of an access that is neither aligned nor
    /// within the memory, not even wasmtime itself always says the same.
    pub(super) fn as_others_say(&self) -> Self {
        let mut step = self.clone();
        if step.ending == Ending::Trap(Kind::Unaligned) {
            step.ending = Ending::Trap(Kind::Memory);
        }
        step
    }
}

/// All that an engine did, instantiating first. `None` if it does not take the module.
pub type Transcript = Option<Vec<Step>>;

/// An instance in one of the engines. Names are those of exports, of the right kind.
pub(super) trait Guest {
    fn call(&mut self, name: &str, params: &[Value]) -> Ending;
    fn host(&mut self) -> &mut Host;
    fn global(&mut self, name: &str) -> Value;
    /// What the bytes are, in [`short`].
    fn memory(&mut self, name: &str) -> (u64, u64);
    /// For each element, whether it is null.
    fn table(&mut self, name: &str) -> Vec<bool>;
}

/// Does what the script says with an instance, or says why there is none.
pub(super) fn play<G: Guest>(script: &Script, started: Result<G, Ending>) -> Vec<Step> {
    let mut guest = match started {
        Ok(guest) => guest,
        Err(ending) => {
            // What engines say of a start that fails has little in common.
            let ending = match ending {
                Ending::Exhausted => Ending::Exhausted,
                _ => Ending::Trap(Kind::Other),
            };
            return vec![Step {
                ending,
                events: Vec::new(),
                globals: Vec::new(),
                memories: Vec::new(),
                tables: Vec::new(),
            }];
        }
    };
    let mut steps = vec![look(&mut guest, script, Ending::Values(Vec::new()))];
    for (name, params) in &script.calls {
        let ending = guest.call(name, params);
        let is_last = ending == Ending::Exhausted;
        steps.push(look(&mut guest, script, ending));
        if is_last {
            break;
        }
    }
    steps
}

fn look(guest: &mut impl Guest, script: &Script, ending: Ending) -> Step {
    let exports = &script.exports;
    let globals = exports.globals.iter().map(|name| guest.global(name));
    let globals = globals.collect();
    let memories = exports.memories.iter().map(|name| guest.memory(name));
    let memories = memories.collect();
    let tables = exports.tables.iter().map(|name| guest.table(name));
    let tables = tables.collect();
    Step {
        ending,
        events: guest.host().take_events(),
        globals,
        memories,
        tables,
    }
}

/// A memory's size, and what it holds in short (FNV-1a by words).
pub(super) fn short(bytes: &[u8]) -> (u64, u64) {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    let hash = words.fold(0xcbf2_9ce4_8422_2325, |hash, word| {
        (hash ^ word)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(23)
    });
    (bytes.len() as u64, hash)
}
