//! Runs the specification's test scripts (`.wast`): compile, open, load, instantiate, call.
//!
//! A script is a list of directives: modules, calls of what they export, and assertions about
//! both (described in the reference interpreter's README). Each directive passes or fails by
//! itself, and one that cannot be run has failed.
//!
//! Two assertions ask for less here than they might:
//!
//! - `assert_invalid` and `assert_malformed` hold if the module is refused, for whatever reason.
//!   The compiler validates with all proposals on, so that it can tell what is not valid from what
//!   is not supported; a module of the first kind may come out as one of the second.
//! - A text that is malformed is refused by the text format's parser before the compiler sees it.

use std::collections::HashMap;

use precast_compiler::Options;
use precast_loader::{
    Engine, Error, ExternRef, Global, GlobalType, Instance, Linker, Memory, MemoryType, Module,
    Store, Table, TableType, Val, ValType,
};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::{F32, F64, Id};
use wast::{QuoteWat, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

use crate::Compiled;

/// What became of a script.
#[derive(Debug, Default)]
pub struct Report {
    /// How many directives passed.
    pub passed: usize,
    /// The others: the line, and why.
    pub failures: Vec<(usize, String)>,
}

/// Runs a script with modules compiled with `options`.
///
/// # Errors
///
/// If the script itself cannot be parsed.
pub fn run(text: &str, options: &Options) -> Result<Report, String> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(|error| error.to_string())?;
    let script: Wast<'_> = parser::parse(&buffer).map_err(|error| error.to_string())?;
    let mut runner = Runner::new(options).map_err(|error| error.to_string())?;
    let mut report = Report::default();
    for directive in script.directives {
        let (line, _) = directive.span().linecol_in(text);
        match runner.directive(directive) {
            Ok(()) => report.passed += 1,
            Err(why) => report.failures.push((line + 1, why)),
        }
    }
    Ok(report)
}

type Outcome = Result<(), String>;

struct Runner<'a> {
    options: &'a Options,
    engine: Engine,
    linker: Linker<()>,
    store: Store<()>,
    /// The instances that have a name.
    instances: HashMap<String, Instance>,
    /// The last instance.
    current: Option<Instance>,
}

/// Why there is no instance.
enum Refusal {
    /// The text or the module was refused.
    Module(String),
    /// Loading or instantiating failed.
    Instance(Error),
}

impl Refusal {
    fn describe(&self) -> String {
        match self {
            Self::Module(why) => why.clone(),
            Self::Instance(error) => error.to_string(),
        }
    }
}

impl<'a> Runner<'a> {
    fn new(options: &'a Options) -> Result<Self, Error> {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        Ok(Self {
            options,
            linker: spectest(&engine, &mut store)?,
            engine,
            store,
            instances: HashMap::new(),
            current: None,
        })
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Outcome {
        match directive {
            WastDirective::Module(mut module) => {
                let name = module.name();
                self.current = None;
                let instance = self.instantiate(module.encode());
                let instance = instance.map_err(|refusal| refusal.describe())?;
                if let Some(name) = name {
                    self.instances.insert(name.name().to_owned(), instance);
                }
                self.current = Some(instance);
                Ok(())
            }
            WastDirective::Register { name, module, .. } => {
                let instance = self.instance(module)?;
                let defined = self.linker.instance(&mut self.store, name, instance);
                defined.map(drop).map_err(|error| error.to_string())
            }
            WastDirective::Invoke(invoke) => {
                let results = self.invoke(&invoke)?;
                results.map(drop).map_err(|error| error.to_string())
            }
            WastDirective::AssertReturn { exec, results, .. } => {
                let found = self.execute(exec)?.map_err(|error| error.to_string())?;
                self.compare(&results, &found)
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let outcome = self.execute(exec)?;
                expect_trap(outcome, message)
            }
            WastDirective::AssertException { exec, .. } => match self.execute(exec)? {
                Err(Error::Exception(_)) => Ok(()),
                other => Err(format!("expected an exception, found {other:?}")),
            },
            WastDirective::AssertExhaustion { call, message, .. } => {
                let outcome = self.invoke(&call)?;
                expect_trap(outcome, message)
            }
            WastDirective::AssertInvalid { module, .. }
            | WastDirective::AssertMalformed { module, .. } => self.expect_refused(module),
            WastDirective::AssertUnlinkable {
                mut module,
                message,
                ..
            } => match self.instantiate(module.encode()) {
                Err(Refusal::Instance(Error::Link(_))) => Ok(()),
                Err(refusal) => Err(format!(
                    "expected `{message}`, found `{}`",
                    refusal.describe()
                )),
                Ok(_) => Err(format!("expected `{message}`, but it was instantiated")),
            },
            other => Err(format!("a directive that is not run: {other:?}")),
        }
    }

    fn instance(&self, name: Option<Id<'_>>) -> Result<Instance, String> {
        let found = match name {
            Some(name) => self.instances.get(name.name()).copied(),
            None => self.current,
        };
        found.ok_or_else(|| "there is no such instance".to_owned())
    }

    fn compile(&self, wasm: Result<Vec<u8>, wast::Error>) -> Result<Compiled, String> {
        let wasm = wasm.map_err(|error| error.message())?;
        Compiled::new(&wasm, self.options).map_err(|error| error.to_string())
    }

    fn load(&self, wasm: Result<Vec<u8>, wast::Error>) -> Result<Module, Refusal> {
        let compiled = self.compile(wasm).map_err(Refusal::Module)?;
        crate::load(&self.engine, &compiled).map_err(Refusal::Instance)
    }

    fn instantiate(&mut self, wasm: Result<Vec<u8>, wast::Error>) -> Result<Instance, Refusal> {
        let module = self.load(wasm)?;
        let instance = self.linker.instantiate(&mut self.store, &module);
        instance.map_err(Refusal::Instance)
    }

    fn expect_refused(&self, mut module: QuoteWat<'_>) -> Outcome {
        match self.compile(module.encode()) {
            Err(_) => Ok(()),
            Ok(_) => Err("a module that should be refused was compiled".to_owned()),
        }
    }

    /// The outer result is whether it could be run at all.
    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Result<Vec<Val>, Error>, String> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(mut wat) => match self.instantiate(Wat::encode(&mut wat)) {
                Ok(_) => Ok(Ok(Vec::new())),
                Err(Refusal::Instance(error)) => Ok(Err(error)),
                Err(Refusal::Module(why)) => Err(why),
            },
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                let global = instance.global(&mut self.store, global);
                let global = global.map_err(|error| error.to_string())?;
                Ok(Ok(vec![global.get(&mut self.store)]))
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Result<Vec<Val>, Error>, String> {
        let instance = self.instance(invoke.module)?;
        let func = instance.func(&mut self.store, invoke.name);
        let func = func.map_err(|error| error.to_string())?;
        let args = invoke.args.iter().map(|arg| self.value(arg));
        let args: Vec<Val> = args.collect::<Result<_, _>>()?;
        Ok(func.call(&mut self.store, &args))
    }

    fn value(&mut self, arg: &WastArg<'_>) -> Result<Val, String> {
        let WastArg::Core(arg) = arg else {
            return Err("a value of the component model".to_owned());
        };
        Ok(match arg {
            WastArgCore::I32(value) => Val::I32(*value),
            WastArgCore::I64(value) => Val::I64(*value),
            WastArgCore::F32(value) => Val::F32(value.bits),
            WastArgCore::F64(value) => Val::F64(value.bits),
            WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes())),
            WastArgCore::RefNull(ty) => Val::default_of(ref_type(ty)?),
            WastArgCore::RefExtern(number) => {
                let reference = ExternRef::new(&mut self.store, *number);
                Val::ExternRef(Some(reference.map_err(|error| error.to_string())?))
            }
            WastArgCore::RefHost(_) => return Err("a value of type anyref".to_owned()),
        })
    }

    fn compare(&self, expected: &[WastRet<'_>], found: &[Val]) -> Outcome {
        let same = expected.len() == found.len()
            && expected.iter().zip(found).all(|(expected, found)| {
                matches!(expected, WastRet::Core(expected) if self.matches(expected, found))
            });
        if same {
            return Ok(());
        }
        let found = crate::values::print_all(&self.store, found);
        Err(format!("expected {expected:x?}, found {found}"))
    }

    fn matches(&self, expected: &WastRetCore<'_>, found: &Val) -> bool {
        match (expected, found) {
            (WastRetCore::I32(expected), Val::I32(found)) => expected == found,
            (WastRetCore::I64(expected), Val::I64(found)) => expected == found,
            (WastRetCore::F32(expected), Val::F32(found)) => f32_matches(expected, *found),
            (WastRetCore::F64(expected), Val::F64(found)) => f64_matches(expected, *found),
            (WastRetCore::V128(expected), Val::V128(found)) => v128_matches(expected, *found),
            (
                WastRetCore::RefNull(_),
                Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None),
            )
            | (WastRetCore::RefFunc(None), Val::FuncRef(Some(_)))
            | (WastRetCore::RefExtern(None), Val::ExternRef(Some(_))) => true,
            (WastRetCore::RefExtern(Some(number)), Val::ExternRef(Some(found))) => {
                found.data(&self.store).downcast_ref::<u32>() == Some(number)
            }
            (WastRetCore::Either(choices), found) => {
                choices.iter().any(|choice| self.matches(choice, found))
            }
            _ => false,
        }
    }
}

/// The host module that the scripts import from.
fn spectest(engine: &Engine, store: &mut Store<()>) -> Result<Linker<()>, Error> {
    let mut linker = Linker::new(engine);
    // A script may register another instance under a name that is taken.
    linker.allow_shadowing(true);
    linker
        .func("spectest", "print", || ())?
        .func("spectest", "print_i32", |_: i32| ())?
        .func("spectest", "print_i64", |_: i64| ())?
        .func("spectest", "print_f32", |_: f32| ())?
        .func("spectest", "print_f64", |_: f64| ())?
        .func("spectest", "print_i32_f32", |_: i32, _: f32| ())?
        .func("spectest", "print_f64_f64", |_: f64, _: f64| ())?;
    let globals = [
        ("global_i32", Val::from(666i32)),
        ("global_i64", Val::from(666i64)),
        ("global_f32", Val::from(666.6f32)),
        ("global_f64", Val::from(666.6f64)),
    ];
    for (name, value) in globals {
        let ty = GlobalType {
            content: value.ty(),
            mutable: false,
        };
        let global = Global::new(store, ty, value)?;
        linker.define("spectest", name, global)?;
    }
    let table = TableType::new(ValType::FUNCREF, 10, Some(20));
    let table = Table::new(store, table, Val::FuncRef(None))?;
    let memory = MemoryType::new(1, Some(2));
    let memory = Memory::new(store, memory)?;
    linker
        .define("spectest", "table", table)?
        .define("spectest", "memory", memory)?;
    Ok(linker)
}

fn ref_type(ty: &HeapType<'_>) -> Result<ValType, String> {
    match ty {
        HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Func,
        } => Ok(ValType::FUNCREF),
        HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Extern,
        } => Ok(ValType::EXTERNREF),
        HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Exn | AbstractHeapType::NoExn,
        } => Ok(ValType::EXNREF),
        other => Err(format!("a value of the type {other:?}")),
    }
}

/// The messages of scripts and ours may each say more than the other, at the end.
fn expect_trap(outcome: Result<Vec<Val>, Error>, message: &str) -> Outcome {
    match outcome {
        Err(Error::Trap(trap)) => {
            let found = trap.code().message();
            if found.starts_with(message) || message.starts_with(found) {
                return Ok(());
            }
            Err(format!("expected the trap `{message}`, found `{found}`"))
        }
        Err(other) => Err(format!("expected the trap `{message}`, found `{other}`")),
        Ok(results) => Err(format!("expected the trap `{message}`, found {results:?}")),
    }
}

fn f32_matches(expected: &NanPattern<F32>, bits: u32) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(value) => value.bits == bits,
    }
}

fn f64_matches(expected: &NanPattern<F64>, bits: u64) -> bool {
    const QUIET: u64 = 0x7ff8_0000_0000_0000;
    match expected {
        NanPattern::CanonicalNan => bits & !(1 << 63) == QUIET,
        NanPattern::ArithmeticNan => bits & QUIET == QUIET,
        NanPattern::Value(value) => value.bits == bits,
    }
}

fn v128_matches(expected: &V128Pattern, bits: u128) -> bool {
    /// Whether each lane of `bits` bits is as `expected`.
    fn lanes<T>(expected: &[T], vector: u128, matches: impl Fn(&T, u64) -> bool) -> bool {
        let bits = 128 / expected.len() as u32;
        let mask = u64::MAX >> (64 - bits);
        let mut lanes = expected.iter().zip(0..);
        lanes.all(|(lane, number)| matches(lane, (vector >> (bits * number)) as u64 & mask))
    }
    match expected {
        V128Pattern::I8x16(e) => lanes(e, bits, |&lane, found| lane == found as i8),
        V128Pattern::I16x8(e) => lanes(e, bits, |&lane, found| lane == found as i16),
        V128Pattern::I32x4(e) => lanes(e, bits, |&lane, found| lane == found as i32),
        V128Pattern::I64x2(e) => lanes(e, bits, |&lane, found| lane == found as i64),
        V128Pattern::F32x4(e) => lanes(e, bits, |lane, found| f32_matches(lane, found as u32)),
        V128Pattern::F64x2(e) => lanes(e, bits, f64_matches),
    }
}
