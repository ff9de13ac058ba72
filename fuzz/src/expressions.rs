//! Valid modules to be run, in which no result is lost.
//!
//! wasm-smith's functions drop most of what they compute, or trap before it is seen: engines that differ
//! in an operator often agree on all that can be compared. Here every value that an operator gives goes,
//! by itself or by way of another one, into a hash in a global, into memory, a table or a result; few
//! operands trap; and whatever is called or repeated ends, since that uses up fuel in a global. Of what the
//! host provides it is asked for with what it is to show, too.
//!
//! The module is made of the same few things each time, most of which may be missing; what is random is
//! [the code](code).

use arbitrary::{Result, Unstructured};
use wasm_encoder::{CodeSection, ValType};

use crate::modules::Dialect;

mod code;
mod operators;
mod sections;

use code::Body;
use operators::TYPES;

/// The global with the hash of all that was seen.
const ACC: u32 = 0;
/// The global with the number of calls and turns that are left.
const FUEL: u32 = 1;
/// How much of that there is. Also how deep calls can go, which all engines must have stack for.
const TURNS: i32 = 300;

/// A function's type.
#[derive(Debug, PartialEq, Eq)]
struct Signature {
    params: Vec<ValType>,
    results: Vec<ValType>,
}

/// What functions find in their module.
///
/// The first table holds all functions, each at its index, and does not change. The second one does.
/// There are one data segment and, beside that of each table, no others.
struct World {
    dialect: Dialect,
    /// Whether engines make NaNs canonical, so that the module need not.
    own_nans: bool,
    /// Whether the module may be [of opinions](crate::modules::is_of_opinions).
    opinions: bool,
    /// Of functions and blocks. Behind them are those of the tags.
    types: Vec<Signature>,
    /// The type of each function.
    functions: Vec<u32>,
    /// The type of each global, and whether it can be set.
    globals: Vec<(ValType, bool)>,
    memories: Vec<Memory>,
    /// What an exception of each tag carries.
    tags: Vec<Vec<ValType>>,
    imported: Imported,
}

#[derive(Debug, Clone, Copy)]
struct Memory {
    is_64: bool,
    is_shared: bool,
}

/// How many of everything are the host's, which are the first ones.
#[derive(Debug)]
struct Imported {
    functions: usize,
    globals: usize,
    memories: usize,
    tables: usize,
    tags: usize,
}

/// A module as [`modules::to_run`](crate::modules::to_run) makes them.
///
/// # Errors
///
/// None: where there are no bytes left, there is little in the module.
pub fn to_run(u: &mut Unstructured<'_>, dialect: Dialect, own_nans: bool) -> Result<Vec<u8>> {
    let world = World::any(u, dialect, own_nans)?;
    let mut left = u.int_in_range(100..=900)?;
    let mut code = CodeSection::new();
    for &ty in &world.functions[world.imported.functions..] {
        let signature = &world.types[ty as usize];
        let body = Body::new(&world, signature, &mut left, u)?;
        code.function(&body.write(20)?);
    }
    sections::write(&world, &code, u)
}

impl World {
    fn any(u: &mut Unstructured<'_>, dialect: Dialect, own_nans: bool) -> Result<Self> {
        let types = (0..u.int_in_range(1..=4)?).map(|_| Signature::any(u));
        let types: Vec<_> = types.collect::<Result<_>>()?;
        let last = types.len() as u32 - 1;
        let functions = (0..u.int_in_range(1..=5)?).map(|_| u.int_in_range(0..=last));
        let functions: Vec<_> = functions.collect::<Result<_>>()?;
        let is_newer = dialect == Dialect::Wasmtime;
        let memories = (0..u.int_in_range(0..=3)?).map(|_| {
            Ok(Memory {
                is_64: u.ratio(1, 3)?,
                is_shared: is_newer && u.ratio(1, 4)?,
            })
        });
        let memories: Vec<_> = memories.collect::<Result<_>>()?;
        let tags = if is_newer { u.int_in_range(0..=3)? } else { 0 };
        let tags = (0..tags).map(|_| types_of(4, u));
        let tags: Vec<_> = tags.collect::<Result<_>>()?;
        let mut globals = vec![(ValType::I64, true), (ValType::I32, true)];
        for ty in TYPES {
            globals.extend([(ty, true), (ty, u.arbitrary()?)]);
        }
        let mut some = |all: usize| -> Result<usize> {
            if u.ratio(1, 3)? {
                u.int_in_range(0..=all)
            } else {
                Ok(0)
            }
        };
        let imported = Imported {
            // One at least has a body.
            functions: some(functions.len() - 1)?,
            globals: some(globals.len())?,
            memories: some(memories.len())?,
            tables: some(2)?,
            tags: some(tags.len())?,
        };
        Ok(Self {
            dialect,
            own_nans,
            opinions: u.ratio(1, 4)?,
            types,
            functions,
            globals,
            memories,
            tags,
            imported,
        })
    }

    /// How many elements each table has.
    fn elements(&self) -> u32 {
        self.functions.len() as u32 + 2
    }

    /// The type of a tag; that of a block that ends with what an exception carries; and that with a
    /// reference to the exception, too.
    fn tag_types(&self, tag: usize) -> [u32; 3] {
        let first = (self.types.len() + 3 * tag) as u32;
        [first, first + 1, first + 2]
    }
}

impl Signature {
    fn any(u: &mut Unstructured<'_>) -> Result<Self> {
        Ok(Self {
            params: types_of(4, u)?,
            results: types_of(3, u)?,
        })
    }
}

/// A few types of values.
fn types_of(most: usize, u: &mut Unstructured<'_>) -> Result<Vec<ValType>> {
    let types = (0..u.int_in_range(0..=most)?).map(|_| u.choose(&TYPES).copied());
    types.collect()
}
