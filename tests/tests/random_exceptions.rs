//! Programs made at random that throw and catch, compared with what an interpreter of a few lines
//! makes of them: in every configuration, with calls of every kind between the frames.

use std::fmt::Write as _;

use precast_loader::{Caller, Engine, Error, Func, Limits, Linker, Store};
use precast_tests::run::{Configuration, configurations};
use precast_tests::{Compiled, load, numbers, wasm};

const TAGS: usize = 3;
const FUNCS: usize = 6;
const PROGRAMS: u64 = if cfg!(miri) { 1 } else { 12 };

/// What a function does, one after the other. It calls only functions with larger numbers.
type Body = Vec<Step>;

enum Step {
    /// Adds to the trace.
    Note(i32),
    /// Adds to the function's own local, which is noted wherever something is caught.
    Count(i32),
    Call(Way, usize),
    Throw(usize, i32),
    /// Throws, at every so-manieth time that it comes here.
    Sometimes(i32, usize, i32),
    Try(Body, Vec<Clause>),
}

/// How a function is called.
enum Way {
    Direct,
    Table,
    /// By way of the host.
    Host,
}

struct Clause {
    /// All, if there is none.
    tag: Option<usize>,
    /// Whether it takes a reference, and if so, whether it throws it again.
    reference: Option<bool>,
    then: Body,
}

struct Thrown {
    tag: usize,
    value: i32,
}

/// The interpreter's state: as the module's globals.
#[derive(Default)]
struct State {
    trace: i32,
    visits: i32,
}

impl State {
    fn note(&mut self, number: i32) {
        self.trace = self.trace.wrapping_mul(31).wrapping_add(number);
    }

    fn call(&mut self, funcs: &[Body], func: usize) -> Result<(), Thrown> {
        self.steps(funcs, &funcs[func], &mut 0)
    }

    fn steps(&mut self, funcs: &[Body], body: &Body, local: &mut i32) -> Result<(), Thrown> {
        body.iter()
            .try_for_each(|step| self.step(funcs, step, local))
    }

    fn step(&mut self, funcs: &[Body], step: &Step, local: &mut i32) -> Result<(), Thrown> {
        match *step {
            Step::Note(number) => self.note(number),
            Step::Count(number) => *local = local.wrapping_add(number),
            Step::Call(_, func) => self.call(funcs, func)?,
            Step::Throw(tag, value) => return Err(Thrown { tag, value }),
            Step::Sometimes(every, tag, value) => {
                self.visits += 1;
                if self.visits % every == 0 {
                    return Err(Thrown { tag, value });
                }
            }
            Step::Try(ref body, ref clauses) => {
                let Err(thrown) = self.steps(funcs, body, local) else {
                    return Ok(());
                };
                let mut clauses = clauses.iter();
                let fits = |clause: &&Clause| clause.tag.is_none_or(|tag| tag == thrown.tag);
                let Some(clause) = clauses.find(fits) else {
                    return Err(thrown);
                };
                if clause.tag.is_some() {
                    self.note(thrown.value);
                }
                self.note(*local);
                self.steps(funcs, &clause.then, local)?;
                if clause.reference == Some(true) {
                    return Err(thrown);
                }
            }
        }
        Ok(())
    }
}

/// Makes up a body for the function with that number.
fn body(number: &mut impl FnMut(usize) -> usize, func: usize, depth: usize) -> Body {
    let steps = 1 + number(4);
    let step = |number: &mut dyn FnMut(usize) -> usize| {
        let callees = FUNCS - 1 - func;
        match number(10) {
            0 | 1 => Step::Note(number(1000) as i32),
            2 => Step::Count(number(1000) as i32),
            3 | 4 if callees > 0 => {
                let way = match number(3) {
                    0 => Way::Direct,
                    1 => Way::Table,
                    _ => Way::Host,
                };
                Step::Call(way, func + 1 + number(callees))
            }
            5 => Step::Throw(number(TAGS), number(1000) as i32),
            6 | 7 => Step::Sometimes(1 + number(4) as i32, number(TAGS), number(1000) as i32),
            _ if depth > 0 => {
                let mut number = number;
                let tried = body(&mut number, func, depth - 1);
                let clauses = (0..number(4)).map(|_| Clause {
                    tag: Some(number(TAGS + 1)).filter(|&tag| tag < TAGS),
                    reference: [None, Some(false), Some(true)][number(3)],
                    then: body(&mut number, func, depth - 1),
                });
                Step::Try(tried, clauses.collect())
            }
            _ => Step::Note(-1),
        }
    };
    (0..steps).map(|_| step(number)).collect()
}

/// The module that does what the functions do.
fn text(funcs: &[Body]) -> String {
    let mut text = String::from(
        "(module
           (import \"host\" \"call\" (func $host (param funcref)))
           (global $trace (export \"trace\") (mut i32) (i32.const 0))
           (global $visits (mut i32) (i32.const 0))
           (type $nothing (func))
           (func $note (param i32) (global.set $trace
             (i32.add (i32.mul (global.get $trace) (i32.const 31)) (local.get 0))))
           (func $sometimes (param $every i32) (result i32)
             (global.set $visits (i32.add (global.get $visits) (i32.const 1)))
             (i32.eqz (i32.rem_s (global.get $visits) (local.get $every))))
           ;; More exceptions than there may be, all in use no longer.
           (func $garbage (local $n i32)
             (loop $again
               (block $caught (result exnref)
                 (try_table (catch_all_ref $caught) (throw $t0 (i32.const -1)))
                 (unreachable))
               (drop)
               (local.set $n (i32.add (local.get $n) (i32.const 1)))
               (br_if $again (i32.lt_u (local.get $n) (i32.const 20)))))\n",
    );
    for tag in 0..TAGS {
        let _infallible = writeln!(text, "(tag $t{tag} (param i32))");
    }
    let names: String = (0..FUNCS).map(|func| format!(" $f{func}")).collect();
    let _infallible = writeln!(text, "(table $table funcref (elem{names}))");
    let mut labels = 0;
    for (func, body) in funcs.iter().enumerate() {
        let _infallible = writeln!(
            text,
            "(func $f{func} (export \"f{func}\") (local $x i32) (local $e exnref)"
        );
        steps_text(&mut text, body, &mut labels);
        text.push_str(")\n");
    }
    text + ")"
}

fn steps_text(text: &mut String, body: &Body, labels: &mut usize) {
    for step in body {
        step_text(text, step, labels);
    }
}

fn step_text(text: &mut String, step: &Step, labels: &mut usize) {
    let _infallible = match step {
        Step::Note(number) => writeln!(text, "(call $note (i32.const {number}))"),
        Step::Count(number) => writeln!(
            text,
            "(local.set $x (i32.add (local.get $x) (i32.const {number})))"
        ),
        Step::Call(Way::Direct, func) => writeln!(text, "(call $f{func})"),
        Step::Call(Way::Table, func) => writeln!(
            text,
            "(call_indirect $table (type $nothing) (i32.const {func}))"
        ),
        Step::Call(Way::Host, func) => writeln!(text, "(call $host (ref.func $f{func}))"),
        Step::Throw(tag, value) => writeln!(text, "(throw $t{tag} (i32.const {value}))"),
        Step::Sometimes(every, tag, value) => writeln!(
            text,
            "(if (call $sometimes (i32.const {every})) (then (throw $t{tag} (i32.const {value}))))"
        ),
        Step::Try(body, clauses) => {
            try_text(text, body, clauses, labels);
            Ok(())
        }
    };
}

/// A block for each clause, the first one's innermost, and behind each what the clause does.
fn try_text(text: &mut String, body: &Body, clauses: &[Clause], labels: &mut usize) {
    let first = *labels;
    *labels += clauses.len() + 1;
    let done = first + clauses.len();
    let _infallible = writeln!(text, "(block $l{done}");
    for (place, clause) in clauses.iter().enumerate().rev() {
        let value = clause.tag.map_or("", |_| "i32");
        let reference = clause.reference.map_or("", |_| "exnref");
        let label = first + place;
        let _infallible = writeln!(text, "(block $l{label} (result {value} {reference})");
    }
    text.push_str("(try_table ");
    for (label, clause) in (first..).zip(clauses) {
        let suffix = clause.reference.map_or("", |_| "_ref");
        let _infallible = match clause.tag {
            Some(tag) => write!(text, "(catch{suffix} $t{tag} $l{label})"),
            None => write!(text, "(catch_all{suffix} $l{label})"),
        };
    }
    steps_text(text, body, labels);
    let _infallible = writeln!(text, ") (br $l{done})");
    for clause in clauses {
        text.push_str(")\n");
        if clause.reference.is_some() {
            text.push_str("(local.set $e)");
        }
        if clause.tag.is_some() {
            text.push_str("(call $note)");
        }
        text.push_str("(call $note (local.get $x))\n");
        // What is done meanwhile may put another reference into the local.
        let again = clause.reference == Some(true);
        if again {
            text.push_str("(local.get $e)\n(call $garbage)\n");
        }
        steps_text(text, &clause.then, labels);
        let end = if again {
            "(throw_ref)".to_owned()
        } else {
            format!("(br $l{done})")
        };
        let _infallible = writeln!(text, "{end}");
    }
    text.push_str(")\n");
}

/// What calling the functions one by one comes to: the trace after each, and what was not caught.
type Outcomes = Vec<(i32, Option<i32>)>;

fn interpreted(funcs: &[Body]) -> Outcomes {
    let mut state = State::default();
    let outcomes = (0..FUNCS).map(|func| {
        let thrown = state.call(funcs, func).err();
        (state.trace, thrown.map(|thrown| thrown.value))
    });
    outcomes.collect()
}

fn compiled(configuration: &Configuration, text: &str) -> Outcomes {
    let compiled = Compiled::new(&wasm(text), &configuration.options);
    let engine = Engine::default();
    let module = load(&engine, &compiled.unwrap()).unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func(
            "host",
            "call",
            |mut caller: Caller<'_, ()>, func: Option<Func>| {
                func.unwrap().call(&mut caller, &[]).map(drop)
            },
        )
        .unwrap();
    let mut store = Store::new(&engine, ());
    // So few at once that those in use no longer have to make room again and again.
    store.set_limits(Limits::new().exception_bytes(512));
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let trace = instance.global(&mut store, "trace").unwrap();
    let outcomes = (0..FUNCS).map(|func| {
        let func = instance.func(&mut store, &format!("f{func}")).unwrap();
        let thrown = match func.call(&mut store, &[]) {
            Ok(_) => None,
            Err(Error::Exception(exception)) => exception.args()[0].i32(),
            Err(other) => panic!("{other}"),
        };
        (trace.get(&mut store).i32().unwrap(), thrown)
    });
    outcomes.collect()
}

#[test]
fn programs_throw_and_catch_as_the_interpreter_does() {
    for seed in 0..PROGRAMS {
        let mut number = numbers(seed + 1);
        let funcs: Vec<Body> = (0..FUNCS).map(|func| body(&mut number, func, 3)).collect();
        let expected = interpreted(&funcs);
        let text = text(&funcs);
        for configuration in configurations() {
            let found = compiled(&configuration, &text);
            let name = &configuration.name;
            assert_eq!(found, expected, "program {seed}, {name}:\n{text}");
        }
    }
}
