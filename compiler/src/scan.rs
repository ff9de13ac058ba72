//! A first look at the function bodies: what they do to tables and which functions they name.
//!
//! Whether a table is constant must be known before the first function is translated. The look is
//! quick, since it only decodes; bodies that do not decode are left for validation to report.

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use wasmparser::{FunctionBody, Operator};

use crate::features::Features;
use crate::module::Module;

/// What all function bodies together use.
#[derive(Default)]
pub(crate) struct Uses {
    /// Tables whose elements are read as values or written.
    pub(crate) tables: FxHashSet<u32>,
    /// Functions named by `ref.func`.
    pub(crate) ref_funcs: FxHashSet<u32>,
    /// Types of indirect calls, as the module's type indices, with the table called through.
    pub(crate) indirect_calls: FxHashSet<(u32, u32)>,
    /// Types of calls through references, as the module's type indices.
    pub(crate) ref_calls: FxHashSet<u32>,
    /// Whether there is a `throw` or a `throw_ref`.
    pub(crate) throws: bool,
    /// What the operators belong to, beyond version 2.0.
    pub(crate) features: Features,
}

impl Uses {
    fn union(mut self, other: Self) -> Self {
        self.tables.extend(other.tables);
        self.ref_funcs.extend(other.ref_funcs);
        self.indirect_calls.extend(other.indirect_calls);
        self.ref_calls.extend(other.ref_calls);
        self.throws |= other.throws;
        self.features = self.features.union(other.features);
        self
    }

    fn add(&mut self, operator: &Operator<'_>) {
        self.features = self.features.union(Features::of_operator(operator));
        match *operator {
            Operator::TableGet { table }
            | Operator::TableSet { table }
            | Operator::TableGrow { table }
            | Operator::TableFill { table }
            | Operator::TableInit { table, .. } => {
                self.tables.insert(table);
            }
            Operator::TableCopy {
                dst_table,
                src_table,
            } => self.tables.extend([dst_table, src_table]),
            Operator::RefFunc { function_index } => {
                self.ref_funcs.insert(function_index);
            }
            Operator::CallIndirect {
                type_index,
                table_index,
            }
            | Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } => {
                self.indirect_calls.insert((type_index, table_index));
            }
            Operator::CallRef { type_index } | Operator::ReturnCallRef { type_index } => {
                self.ref_calls.insert(type_index);
            }
            Operator::Throw { .. } | Operator::ThrowRef => self.throws = true,
            _ => {}
        }
    }
}

/// Looks at all bodies.
pub(crate) fn scan(module: &Module<'_>) -> Uses {
    module
        .bodies
        .par_iter()
        .fold(Uses::default, |mut uses, body| {
            // Whatever was found before an error is enough: the module is refused later.
            let _refused_later = scan_body(&body.body, &mut uses);
            uses
        })
        .reduce(Uses::default, Uses::union)
}

fn scan_body(body: &FunctionBody<'_>, uses: &mut Uses) -> wasmparser::Result<()> {
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        uses.add(&operators.read()?);
    }
    Ok(())
}
