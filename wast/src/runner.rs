//! Directives, run one after the other.
//!
//! A [`Runner`] has what directives refer to: a store, the instances in it, and what is registered
//! for modules to import. Each thread of a script has a runner of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::panic::resume_unwind;
use std::thread::{self, Scope, ScopedJoinHandle};

use precast_compiler::CompileError;
use precast_loader::{Config, Engine, Error, Instance, Linker, Module, Store, TrapCode, Val};
use wast::token::{Id, Span};
use wast::{QuoteWat, WastDirective, WastExecute, WastInvoke, WastThread};

use crate::expect::{self, Ending, Outcome, Reason};
use crate::{Failure, Report, STACK_BYTES, Settings, code, place, spectest, value};

/// How large a memory may be, in bytes: scripts are about what is beyond 32 bits.
const MEMORY_BYTES: u64 = 8 << 30;

/// What a module that stands in for another thread's imports from.
const SHARED: &str = "shared";

pub(crate) struct Runner<'scope, 'env> {
    text: &'env str,
    settings: &'env Settings,
    /// Where threads are started.
    scope: &'scope Scope<'scope, 'env>,
    engine: Engine,
    store: Store<()>,
    spectest: Linker<()>,
    /// What modules may import: `spectest` and what is registered.
    linker: Linker<()>,
    registered: BTreeMap<String, Instance>,
    definitions: Named<Module>,
    instances: Named<Instance>,
    /// The threads that nobody has waited for.
    threads: Vec<(String, ScopedJoinHandle<'scope, Report>)>,
    report: Report,
}

impl<'scope, 'env> Runner<'scope, 'env> {
    /// # Errors
    ///
    /// If there is no room for the module `spectest`.
    pub(crate) fn new(
        text: &'env str,
        settings: &'env Settings,
        scope: &'scope Scope<'scope, 'env>,
    ) -> Result<Self, Error> {
        let engine = Engine::new(Config::new().max_memory_bytes(MEMORY_BYTES));
        let mut store = Store::new(&engine, ());
        let spectest = spectest::linker(&engine, &mut store)?;
        Ok(Self {
            text,
            settings,
            scope,
            engine,
            store,
            linker: spectest.clone(),
            spectest,
            registered: BTreeMap::new(),
            definitions: Named::new("module"),
            instances: Named::new("instance"),
            threads: Vec::new(),
            report: Report::default(),
        })
    }

    pub(crate) fn run(&mut self, directives: Vec<WastDirective<'env>>) {
        for directive in directives {
            let span = directive.span();
            let outcome = self.directive(directive);
            self.count(span, outcome);
        }
    }

    /// What became of the directives, those of threads included.
    pub(crate) fn finish(mut self) -> Report {
        for (_, thread) in std::mem::take(&mut self.threads) {
            self.join(thread);
        }
        let mut report = self.report;
        report.failures.sort_by_key(|it| (it.line, it.column));
        report
    }

    fn count(&mut self, span: Span, outcome: Outcome) {
        let Err(Reason { text, is_skipped }) = outcome else {
            self.report.passed += 1;
            return;
        };
        let (line, column) = place(self.text, span);
        self.report.failures.push(Failure {
            line,
            column,
            reason: text,
            is_skipped,
        });
    }

    fn directive(&mut self, directive: WastDirective<'env>) -> Outcome {
        match directive {
            WastDirective::Module(module) => {
                let name = module.name();
                // Should this fail, what follows must not get what was there before.
                self.instances.forget(name);
                let module = self.define(name, module)?;
                self.instance_of(name, &module)
            }
            WastDirective::ModuleDefinition(module) => self.define(module.name(), module).map(drop),
            WastDirective::ModuleInstance {
                instance, module, ..
            } => {
                self.instances.forget(instance);
                let module = self.definitions.get(module)?.clone();
                self.instance_of(instance, &module)
            }
            WastDirective::Register { name, module, .. } => self.register(name, module),
            WastDirective::Invoke(invoke) => Ok(self.invoke(&invoke)?.map(drop)?),
            WastDirective::AssertReturn { exec, results, .. } => {
                let found = self.execute(exec)??;
                value::compare(&self.store, &results, &found)
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let ending = self.execute(exec)?;
                expect::trap(&self.store, ending, message)
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let ending = self.invoke(&call)?;
                expect::trap(&self.store, ending, message)
            }
            WastDirective::AssertException { exec, .. } => {
                let ending = self.execute(exec)?;
                expect::exception(&self.store, ending)
            }
            WastDirective::AssertUnlinkable {
                module, message, ..
            } => {
                let module = self.load(QuoteWat::Wat(module))?;
                let ending = self.instantiate(&module)?;
                expect::unlinkable(ending, message)
            }
            WastDirective::AssertInvalid { module, .. }
            | WastDirective::AssertInvalidCustom { module, .. } => self.expect_invalid(module),
            WastDirective::AssertMalformed { module, .. }
            | WastDirective::AssertMalformedCustom { module, .. } => self.expect_malformed(module),
            WastDirective::AssertSuspension { .. } => {
                Err("stack switching is not supported".into())
            }
            WastDirective::Thread(thread) => self.start(thread),
            WastDirective::Wait { thread, .. } => self.wait(thread),
        }
    }

    fn load(&self, mut module: QuoteWat<'_>) -> Outcome<Module> {
        let wasm = code::encode(&mut module).map_err(|error| error.message())?;
        code::load(&self.engine, &wasm, self.settings)
    }

    fn define(&mut self, name: Option<Id<'_>>, module: QuoteWat<'_>) -> Outcome<Module> {
        self.definitions.forget(name);
        let module = self.load(module)?;
        self.definitions.add(name, module.clone());
        Ok(module)
    }

    /// Makes an instance and, if it came to be, the current one.
    fn instance_of(&mut self, name: Option<Id<'_>>, module: &Module) -> Outcome {
        let instance = self.instantiate(module)??;
        self.instances.add(name, instance);
        Ok(())
    }

    fn register(&mut self, name: &str, module: Option<Id<'_>>) -> Outcome {
        let instance = self.instances.get(module).copied();
        if let Ok(instance) = instance {
            self.registered.insert(name.to_owned(), instance);
        } else {
            self.registered.remove(name);
        }
        // From the beginning, so that nothing is left of what had the name before.
        self.linker = if self.registered.contains_key(spectest::NAME) {
            Linker::new(&self.engine)
        } else {
            self.spectest.clone()
        };
        for (name, instance) in &self.registered {
            self.linker.instance(&mut self.store, name, *instance)?;
        }
        instance.map(drop)
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Outcome<Ending> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => {
                let module = self.load(QuoteWat::Wat(module))?;
                Ok(self.instantiate(&module)?.map(|_| Vec::new()))
            }
            WastExecute::Get { module, global, .. } => {
                let instance = *self.instances.get(module)?;
                let global = instance.global(&mut self.store, global)?;
                Ok(Ok(vec![global.get(&mut self.store)]))
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Outcome<Ending> {
        let instance = *self.instances.get(invoke.module)?;
        let func = instance.func(&mut self.store, invoke.name)?;
        let args = invoke.args.iter();
        let args: Vec<Val> = args
            .map(|arg| value::argument(&mut self.store, arg))
            .collect::<Outcome<_>>()?;
        self.in_time(|runner| func.call(&mut runner.store, &args))
    }

    fn instantiate(&mut self, module: &Module) -> Outcome<Result<Instance, Error>> {
        let linker = self.linker_for(module)?;
        self.in_time(|runner| linker.instantiate(&mut runner.store, module))
    }

    /// What a module may import: what is registered and, if nothing is under a name, the instance
    /// that has it in the script. Only the former is in the specification.
    fn linker_for(&mut self, module: &Module) -> Outcome<Linker<()>> {
        let mut linker = self.linker.clone();
        let names: BTreeSet<&str> = module.imports().map(|(from, _, _)| from).collect();
        for name in names {
            if name == spectest::NAME || self.registered.contains_key(name) {
                continue;
            }
            if let Some(instance) = self.instances.named.get(name) {
                linker.instance(&mut self.store, name, *instance)?;
            }
        }
        Ok(linker)
    }

    /// Runs guest code, but not for longer than the settings allow.
    fn in_time<T>(
        &mut self,
        guest: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Outcome<Result<T, Error>> {
        let Some(timeout) = self.settings.timeout else {
            return Ok(guest(self));
        };
        self.store.set_timeout(timeout)?;
        let ending = guest(self);
        self.store.clear_deadline();
        let trap = ending.as_ref().err().and_then(Error::trap);
        if trap.is_some_and(|trap| trap.code() == TrapCode::DeadlineExceeded) {
            return Err(format!("it ran for longer than {timeout:?}").into());
        }
        Ok(ending)
    }

    fn expect_invalid(&self, mut module: QuoteWat<'_>) -> Outcome {
        let wasm = code::encode(&mut module)
            .map_err(|error| format!("the text is refused already: {}", error.message()))?;
        self.expect_refused(&wasm)
    }

    fn expect_malformed(&self, mut module: QuoteWat<'_>) -> Outcome {
        match code::encode(&mut module) {
            Ok(wasm) => self.expect_refused(&wasm),
            Err(_) => Ok(()),
        }
    }

    /// Both ways into the compiler must refuse the module; only validation says why.
    fn expect_refused(&self, wasm: &[u8]) -> Outcome {
        let options = &self.settings.options;
        match precast_compiler::validate(wasm, options) {
            Err(CompileError::Invalid { .. }) => (),
            Err(other) => {
                return Err(format!("expected an invalid module, found `{other}`").into());
            }
            Ok(()) => return Err("expected an invalid module, found a valid one".into()),
        }
        match precast_compiler::compile(wasm, options) {
            Err(_) => Ok(()),
            Ok(_) => Err("the module is invalid, and was compiled nevertheless".into()),
        }
    }

    /// Starts a thread with a store and a registry of its own.
    fn start(&mut self, thread: WastThread<'env>) -> Outcome {
        let mut runner = Self::new(self.text, self.settings, self.scope)?;
        let shared = match thread.shared_module {
            Some(module) => self.share(module, &mut runner),
            None => Ok(()),
        };
        let handle = thread::Builder::new()
            .name("script's thread".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(self.scope, move || {
                runner.run(thread.directives);
                runner.finish()
            })
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        self.threads.push((thread.name.name().to_owned(), handle));
        shared
    }

    /// Gives a thread's runner an instance of the name `module` that exports the same shared
    /// memories as the one here, by the same names.
    fn share(&mut self, module: Id<'_>, with: &mut Self) -> Outcome {
        let instance = *self.instances.get(Some(module))?;
        let mut linker = Linker::new(&with.engine);
        let mut text = String::new();
        for (number, (name, item)) in instance.exports(&mut self.store).into_iter().enumerate() {
            let memory = item.memory().map(|memory| memory.as_shared(&self.store));
            let Some(Some(memory)) = memory else {
                let reason = format!("only shared memories can be shared, not the export {name:?}");
                return Err(reason.into());
            };
            linker.shared_memory(SHARED, &number.to_string(), &memory)?;
            let (name, ty) = (name.escape_default(), memory.ty());
            // Writing to a string does not fail.
            let _ = write!(
                text,
                r#"(import "{SHARED}" "{number}" {ty}) (export "{name}" (memory {number}))"#
            );
        }
        let wasm =
            code::assemble(&format!("(module {text})")).map_err(|error| error.to_string())?;
        let standing_in = code::load(&with.engine, &wasm, self.settings)?;
        let instance = linker.instantiate(&mut with.store, &standing_in)?;
        with.instances.add(Some(module), instance);
        Ok(())
    }

    fn wait(&mut self, name: Id<'_>) -> Outcome {
        let mut threads = self.threads.iter();
        let position = threads.rposition(|(known, _)| known == name.name());
        let position = position.ok_or_else(|| Reason::missing("thread", Some(name.name())))?;
        let (_, thread) = self.threads.remove(position);
        self.join(thread);
        Ok(())
    }

    fn join(&mut self, thread: ScopedJoinHandle<'scope, Report>) {
        let report = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        self.report.passed += report.passed;
        self.report.failures.extend(report.failures);
    }
}

/// Things that may have a name, and of which the last is meant where none is given.
struct Named<T> {
    what: &'static str,
    named: HashMap<String, T>,
    last: Option<T>,
}

impl<T: Clone> Named<T> {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            named: HashMap::new(),
            last: None,
        }
    }

    fn add(&mut self, name: Option<Id<'_>>, thing: T) {
        if let Some(name) = name {
            self.named.insert(name.name().to_owned(), thing.clone());
        }
        self.last = Some(thing);
    }

    /// Forgets the one of that name, and the last.
    fn forget(&mut self, name: Option<Id<'_>>) {
        self.last = None;
        if let Some(name) = name {
            self.named.remove(name.name());
        }
    }

    fn get(&self, name: Option<Id<'_>>) -> Outcome<&T> {
        let name = name.map(|name| name.name());
        let found = match name {
            Some(name) => self.named.get(name),
            None => self.last.as_ref(),
        };
        found.ok_or_else(|| Reason::missing(self.what, name))
    }
}
