//! A module after an edit, and how much of it is as it was.
//!
//! Most edits are of bodies, or put a function in front of others: those must cost no other function.
//! A type or an import in front moves what is in every instance, and a global the globals behind it: next
//! to nothing can be used again then, so that few modules are changed in this way, to see keys that leave
//! such a thing out.

use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, Encode as _, EntityType, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, Instruction, Module, RawSection, TypeSection,
    ValType,
};
use wasmparser::{FunctionBody, Operator, Parser, Payload};

/// A module that has been changed.
pub(super) struct Changed {
    pub(super) wasm: Vec<u8>,
    /// How many functions of the one must be used again for the other, either way; `None` if there is
    /// no saying.
    pub(super) kept: Option<Kept>,
}

/// Numbers of functions that mean what they did, in the module as it was and as it is.
pub(super) struct Kept {
    pub(super) before: usize,
    pub(super) after: usize,
}

/// A function that a module defines: its type and its body.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Defined {
    ty: u32,
    body: Vec<u8>,
}

/// The module with something changed: most often one that compiles, too. `is_told_apart` says that
/// functions know their own index.
pub(super) fn changed(
    wasm: &[u8],
    is_told_apart: bool,
    u: &mut Unstructured<'_>,
) -> Result<Changed> {
    let functions = functions(wasm);
    if functions.is_empty() {
        return with_something_around(wasm, 0, u);
    }
    match u.int_in_range(0..=15)? {
        0..=8 => with_bodies(wasm, functions, is_told_apart, u),
        9..=11 => with_function(wasm, &functions, is_told_apart, u),
        12..=13 => with_something_around(wasm, functions.len(), u),
        _ => with_something_in_front(wasm, &functions, u),
    }
}

/// Bodies are changed, exchanged, repeated, added.
fn with_bodies(
    wasm: &[u8],
    before: Vec<Defined>,
    is_told_apart: bool,
    u: &mut Unstructured<'_>,
) -> Result<Changed> {
    let mut functions = before.clone();
    for _ in 0..u.int_in_range(1..=2)? {
        let mut one = u.choose_index(functions.len())?;
        if functions.len() == 1 {
            // Else nothing is left to be used again.
            functions.push(functions[0].clone());
            one = 1;
        }
        let alike = (0..functions.len()).filter(|&it| functions[it].ty == functions[one].ty);
        let alike: Vec<usize> = alike.collect();
        let other = *u.choose(&alike)?;
        match u.int_in_range(0..=5)? {
            0 => functions.swap(one, other),
            1 => functions[one] = functions[other].clone(),
            2 => functions.push(functions[one].clone()),
            // An operator that does nothing, before the body's end.
            3 => {
                let body = &mut functions[one].body;
                body.insert(body.len() - 1, 0x01);
            }
            _ => change_constant(&mut functions[one].body, u)?,
        }
    }
    // What bodies do to tables and which functions they refer to decides where these are.
    let is_same = uses(&before) == uses(&functions);
    let kept = is_same.then(|| Kept {
        before: count_of(&before, &functions, is_told_apart),
        after: count_of(&functions, &before, is_told_apart),
    });
    let wasm = with_functions(wasm, &functions);
    Ok(Changed { wasm, kept })
}

/// How many of the functions are among the others, at the same index if they are told apart.
fn count_of(functions: &[Defined], others: &[Defined], is_told_apart: bool) -> usize {
    if is_told_apart {
        let both = functions.iter().zip(others);
        return both.filter(|(one, other)| one == other).count();
    }
    let others: BTreeSet<_> = others.iter().collect();
    functions.iter().filter(|it| others.contains(it)).count()
}

/// Another value for one of the constants, if there are any.
fn change_constant(body: &mut Vec<u8>, u: &mut Unstructured<'_>) -> Result<()> {
    let bit = u.int_in_range(0..=31)?;
    let mut constants = Vec::new();
    let reader = FunctionBody::new(wasmparser::BinaryReader::new(body, 0));
    let operators = reader.get_operators_reader().expect("a valid body");
    let operators: Vec<_> = operators
        .into_iter_with_offsets()
        .map(|operator| operator.expect("a valid body"))
        .collect();
    for pair in operators.windows(2) {
        let [(operator, start), (_, end)] = pair else {
            continue;
        };
        let other = match *operator {
            Operator::I32Const { value } => Instruction::I32Const(value ^ 1 << bit),
            Operator::I64Const { value } => Instruction::I64Const(value ^ 1 << bit),
            Operator::F32Const { value } => {
                Instruction::F32Const(f32::from_bits(value.bits() ^ 1 << bit).into())
            }
            Operator::F64Const { value } => {
                Instruction::F64Const(f64::from_bits(value.bits() ^ 1 << bit).into())
            }
            _ => continue,
        };
        constants.push((*start as usize..*end as usize, other));
    }
    if !constants.is_empty() {
        let (place, other) = u.choose(&constants)?;
        let mut bytes = Vec::new();
        other.encode(&mut bytes);
        body.splice(place.clone(), bytes);
    }
    Ok(())
}

/// What bodies do that others depend on.
fn uses(functions: &[Defined]) -> BTreeSet<String> {
    let mut uses = BTreeSet::new();
    for Defined { body, .. } in functions {
        let reader = FunctionBody::new(wasmparser::BinaryReader::new(body, 0));
        let operators = reader.get_operators_reader().expect("a valid body");
        for operator in operators {
            let operator = operator.expect("a valid body");
            if matches!(
                operator,
                Operator::TableGet { .. }
                    | Operator::TableSet { .. }
                    | Operator::TableGrow { .. }
                    | Operator::TableFill { .. }
                    | Operator::TableInit { .. }
                    | Operator::TableCopy { .. }
                    | Operator::RefFunc { .. }
            ) {
                uses.insert(format!("{operator:?}"));
            }
        }
    }
    uses
}

/// A function more, in front of others, which all keep what they do.
fn with_function(
    wasm: &[u8],
    before: &[Defined],
    is_told_apart: bool,
    u: &mut Unstructured<'_>,
) -> Result<Changed> {
    let at = u.choose_index(before.len())?;
    let ty = u.choose(before)?.ty;
    let Some(wasm) = (Shift {
        what: What::Function { at: at as u32, ty },
        imported: imported_functions(wasm),
    })
    .apply(wasm) else {
        return with_something_around(wasm, before.len(), u);
    };
    let mut after = functions(&wasm);
    after.remove(at);
    // An index of more bytes moves the operators behind it.
    let same = before.iter().zip(&after);
    let same = same.filter(|(one, other)| one.body.len() == other.body.len());
    // From there on, functions have other indices.
    let same = match is_told_apart {
        true => same.take(at).count(),
        false => same.count(),
    };
    let kept = Some(Kept {
        before: same,
        after: same,
    });
    Ok(Changed { wasm, kept })
}

/// Something is other that no function looks at: bytes of a segment, or a section of no meaning.
fn with_something_around(
    wasm: &[u8],
    functions: usize,
    u: &mut Unstructured<'_>,
) -> Result<Changed> {
    let mut after = wasm.to_vec();
    let bytes: Vec<usize> = Parser::new(0)
        .parse_all(wasm)
        .filter_map(|payload| match payload {
            Ok(Payload::DataSection(section)) => Some(section),
            _ => None,
        })
        .flatten()
        .flat_map(|data| {
            let data = data.expect("a valid segment").data;
            let start = data.as_ptr().addr() - wasm.as_ptr().addr();
            start..start + data.len()
        })
        .collect();
    if bytes.is_empty() || u.arbitrary()? {
        let section = CustomSection {
            name: "around".into(),
            data: u.arbitrary::<[u8; 4]>()?.to_vec().into(),
        };
        after.push(0);
        section.encode(&mut after);
    } else {
        after[*u.choose(&bytes)?] ^= 1 << u.int_in_range(0..=7)?;
    }
    let kept = Some(Kept {
        before: functions,
        after: functions,
    });
    Ok(Changed { wasm: after, kept })
}

/// Something comes in front that has its place in instances.
fn with_something_in_front(
    wasm: &[u8],
    functions: &[Defined],
    u: &mut Unstructured<'_>,
) -> Result<Changed> {
    let ty = u.choose(functions)?.ty;
    let what = *u.choose(&[What::Type, What::Global, What::Import { ty }])?;
    let imported = imported_functions(wasm);
    let after = Shift { what, imported }.apply(wasm);
    Ok(Changed {
        wasm: after.unwrap_or_else(|| wasm.to_vec()),
        kept: None,
    })
}

/// Something that is put in front of others, whose indices are then greater by one.
struct Shift {
    what: What,
    /// How many functions are imported.
    imported: u32,
}

#[derive(Clone, Copy)]
enum What {
    /// Before the one of that index among those the module defines.
    Function {
        at: u32,
        ty: u32,
    },
    Import {
        ty: u32,
    },
    Type,
    Global,
}

impl Shift {
    /// The module so changed; `None` if it has something that cannot be encoded anew.
    fn apply(mut self, wasm: &[u8]) -> Option<Vec<u8>> {
        let mut module = Module::new();
        let done = self.parse_core_module(&mut module, Parser::new(0), wasm);
        done.is_ok().then(|| module.finish())
    }
}

type Done = std::result::Result<(), reencode::Error>;
type Index = std::result::Result<u32, reencode::Error>;

impl Reencode for Shift {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Index {
        Ok(match self.what {
            What::Function { at, .. } if index >= self.imported + at => index + 1,
            What::Import { .. } => index + 1,
            _ => index,
        })
    }

    fn type_index(&mut self, index: u32) -> Index {
        Ok(index + u32::from(matches!(self.what, What::Type)))
    }

    fn global_index(&mut self, index: u32) -> Index {
        Ok(index + u32::from(matches!(self.what, What::Global)))
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Done {
        if let What::Type = self.what {
            types.ty().function([ValType::F64; 7], []);
        }
        utils::parse_type_section(self, types, section)
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Done {
        if let What::Import { ty } = self.what {
            imports.import("front", "", EntityType::Function(ty));
        }
        utils::parse_import_section(self, imports, section)
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Done {
        for (index, of_type) in (0..).zip(section) {
            if let What::Function { at, ty } = self.what
                && at == index
            {
                functions.function(ty);
            }
            functions.function(self.type_index(of_type?)?);
        }
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Done {
        if let What::Global = self.what {
            let ty = GlobalType {
                val_type: ValType::I32,
                mutable: true,
                shared: false,
            };
            globals.global(ty, &ConstExpr::i32_const(1));
        }
        utils::parse_global_section(self, globals, section)
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Done {
        for (index, body) in (0..).zip(section) {
            if let What::Function { at, .. } = self.what
                && at == index
            {
                let mut new = Function::new([]);
                new.instructions()
                    .f64_const(0.25.into())
                    .drop()
                    .unreachable()
                    .end();
                code.function(&new);
            }
            utils::parse_function_body(self, code, body?)?;
        }
        Ok(())
    }
}

fn imported_functions(wasm: &[u8]) -> u32 {
    let mut count = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        if let Ok(Payload::ImportSection(section)) = payload {
            for import in section.into_imports() {
                let ty = import.expect("a valid import").ty;
                count += u32::from(matches!(
                    ty,
                    wasmparser::TypeRef::Func(_) | wasmparser::TypeRef::FuncExact(_)
                ));
            }
        }
    }
    count
}

/// The functions that the module defines.
fn functions(wasm: &[u8]) -> Vec<Defined> {
    let (mut types, mut bodies) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.expect("a module that can be read") {
            Payload::FunctionSection(section) => {
                types = section.into_iter().map(|ty| ty.expect("valid")).collect();
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.as_bytes().to_vec()),
            _ => {}
        }
    }
    let both = types.into_iter().zip(bodies);
    both.map(|(ty, body)| Defined { ty, body }).collect()
}

/// The module with other functions.
fn with_functions(wasm: &[u8], functions: &[Defined]) -> Vec<u8> {
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.expect("a module that can be read");
        match payload {
            Payload::FunctionSection(_) => {
                let mut types = FunctionSection::new();
                for function in functions {
                    types.function(function.ty);
                }
                module.section(&types);
            }
            Payload::CodeSectionStart { .. } => {
                let mut code = CodeSection::new();
                for function in functions {
                    code.raw(&function.body);
                }
                module.section(&code);
            }
            _ => {
                if let Some((id, range)) = payload.as_section() {
                    let data = &wasm[range.start as usize..range.end as usize];
                    module.section(&RawSection { id, data });
                }
            }
        }
    }
    module.finish()
}
