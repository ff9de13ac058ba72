use super::*;
use crate::{
    Compilation, CompileError, Compiled, CpuLevel, CustomSections, Features, Limits, OptLevel,
    compile, parse_target,
};

fn options() -> Options {
    let mut options = Options::for_target(parse_target("x86_64-unknown-linux-gnu").unwrap());
    options.features = Features::ALL;
    options.threads = std::num::NonZeroUsize::new(1);
    options
}

fn first(wasm: &[u8], options: &Options) -> Functions {
    let compiled = Compilation::new(wasm, options).incremental(None).run();
    compiled.unwrap().incremental.unwrap().functions
}

fn after(previous: &Functions, wasm: &[u8], options: &Options) -> Result<Compiled, CompileError> {
    Compilation::new(wasm, options)
        .incremental(Some(previous))
        .run()
}

/// Compiles with the functions of another module and compares with a whole compilation; gives how
/// many functions were taken, and of how many.
fn check(previous: &Functions, wasm: &[u8], options: &Options) -> (usize, usize) {
    let compiled = after(previous, wasm, options).unwrap();
    let made = compiled.incremental.unwrap();
    assert!(
        compiled.bytes == compile(wasm, options).unwrap(),
        "the artifact is another one"
    );
    (made.reused, made.total)
}

/// A module in which everything is used that bodies can name, by functions that do little else.
const WORLD: &str = r#"(module
    (type $unary (func (param i32) (result i32)))
    (type $other (func (param i64) (result i64)))
    (type $pair (func (param i32 i32) (result i32 i32)))
    (type $third (func (param f32)))
    (import "host" "unary" (func $host (type $unary)))
    (import "host" "again" (func $host_again (type $unary)))
    (import "host" "gives" (func $host_gives (result i32)))
    (import "host" "global" (global $borrowed (mut i32)))
    (import "host" "global again" (global $borrowed_again (mut i32)))
    (import "host" "table" (table $foreign 4 funcref))
    (import "host" "memory" (memory $outer 1 2))
    (import "host" "tag" (tag $theirs (param i32)))
    (memory $wide i64 2 9)
    (memory $many 1 4 shared)
    (table $fixed 3 funcref)
    (table $list 5 10 funcref)
    (table $externs 2 externref)
    (global $stack (mut i32) (i32.const 4096))
    (global $known i32 (i32.const 77))
    (global $float f64 (f64.const 1.5))
    (global $exception (mut exnref) (ref.null exn))
    (global $spare (mut i32) (i32.const 0))
    (table $spare 3 funcref)
    (type $giving (func (result f32)))
    (tag $ours (param i32 i64))
    (elem $passive func $double $caller)
    (elem (table $fixed) (i32.const 0) func $double $host)
    (elem declare func $caller)
    (data $bytes "abc")
    (func $double (type $unary) (i32.mul (local.get 0) (i32.const 2)))
    (func $caller (type $unary) (call $double (call $double (local.get 0))))
    (func $caller_of_two (param i32) (result i32)
        (call $caller (call $double (local.get 0))))
    (func $calls_host (type $unary) (call $host (local.get 0)))
    (func $tail (type $unary) (return_call $double (local.get 0)))
    (func $tail_to_host (type $unary) (return_call $host (local.get 0)))
    (func $through_fixed (type $unary)
        (call_indirect $fixed (type $unary) (local.get 0) (local.get 0)))
    (func $through_list (param i64) (result i64)
        (call_indirect $list (type $other) (local.get 0) (i32.const 1)))
    (func $through_foreign (param f32)
        (call_indirect $foreign (type $third) (local.get 0) (i32.const 2)))
    (func $by_reference (param (ref null $unary)) (result i32)
        (call_ref $unary (i32.const 3) (local.get 0)))
    (func $refers (result funcref) (ref.func $caller))
    (func $null (result (ref null $unary)) (ref.null $unary))
    (func $gets (result funcref) (table.get $list (i32.const 1)))
    (func $sets (param externref) (table.set $externs (i32.const 0) (local.get 0)))
    (func $sizes (result i32) (i32.add (table.size $list) (table.size $fixed)))
    (func $grows (result i32) (table.grow $list (ref.null func) (i32.const 1)))
    (func $fills (table.fill $externs (i32.const 0) (ref.null extern) (i32.const 2)))
    (func $copies (table.copy $list $foreign (i32.const 0) (i32.const 0) (i32.const 1)))
    (func $inits (table.init $list $passive (i32.const 0) (i32.const 0) (i32.const 1)))
    (func $drops (elem.drop $passive) (data.drop $bytes))
    (func $loads (param i32) (result i32) (i32.load $outer offset=4 (local.get 0)))
    (func $loads_wide (param i64) (result i32)
        (i32.load $wide offset=8 align=1 (local.get 0)))
    (func $loads_far (param i64) (result i32) (i32.load $wide offset=140000 (local.get 0)))
    (func $loads_many (param i32) (result i32) (i32.atomic.load $many (local.get 0)))
    (func $loads_vector (param i32) (result v128)
        (v128.load8_lane $outer 3 (local.get 0) (v128.const i64x2 1 2)))
    (func $shuffles (param v128) (result v128)
        (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (local.get 0) (local.get 0)))
    (func $measures (result i32) (memory.grow $outer (memory.size $many)))
    (func $moves (memory.copy $outer $many (i32.const 0) (i32.const 0) (i32.const 1)))
    (func $starts (memory.init $outer $bytes (i32.const 0) (i32.const 0) (i32.const 1)))
    (func $pushes (global.set $stack (i32.sub (global.get $stack) (i32.const 16))))
    (func $knows (result i32) (i32.add (global.get $known) (global.get $borrowed)))
    (func $computes (result f64) (f64.add (global.get $float) (f64.const 0.25)))
    (func $throws (throw $ours (i32.const 1) (i64.const 2)))
    (func $catches (param i32) (result i32)
        (block $handler (result i32)
            (try_table (result i32) (catch $theirs $handler) (call $host (local.get 0)))))
    (func $keeps (block $handler (result exnref)
            (try_table (catch_all_ref $handler) (call $throws)) (ref.null exn))
        (global.set $exception))
    (func $swaps (param i32 i32) (result i32 i32)
        (local.get 0) (local.get 1)
        (block (type $pair) (local.set 0) (local.set 1) (local.get 0) (local.get 1)))
    (func $picks (param funcref funcref i32) (result funcref)
        (select (result funcref) (local.get 0) (local.get 1) (local.get 2)))
    (func $branches (param i32) (result i32) (local i64 i32)
        (block (block (block (br_table 0 1 2 (local.get 0)))
            (return (i32.const 1))) (return (i32.const 2))) (i32.const 3))
    (func $gives (result i32) (unreachable))
    (func $discards (drop (call $gives)))
    (func $discards_global (drop (global.get $spare)))
    (func $discards_element (drop (table.get $spare (i32.const 0))))
    (func $discards_borrowed (drop (call $host_gives)) (drop (global.get $borrowed)))
    (func $discards_block (drop (block (type $giving) (unreachable))))
    (func $discards_called (drop (call_indirect $fixed (type $giving) (i32.const 0))))
    (func $discards_null (drop (ref.null $giving)))
    (func $discards_local (local $unused i32) (drop (local.get $unused)))
    (export "double" (func $double))
)"#;

/// What is changed, and how many functions are other ones then, of 48.
const CHANGES: [(&str, &str, &str, usize); 56] = [
    ("nothing", "", "", 0),
    ("a constant", "(i32.const 16)", "(i32.const 32)", 1),
    (
        "a constant of another length",
        "(i32.const 77)",
        "(i32.const 7777)",
        1,
    ),
    ("the value of a float", "1.5", "2.5", 1),
    (
        "a global that begins to change",
        "(global $known i32",
        "(global $known (mut i32)",
        1,
    ),
    (
        "a body",
        "(i32.const 2)))\n",
        "(i32.const 2)) (nop) (nop) (nop))\n",
        1,
    ),
    (
        "a memory's initial length",
        "(memory $outer 1 2)",
        "(memory $outer 2 2)",
        0,
    ),
    (
        "a memory's greatest length",
        "(memory $outer 1 2)",
        "(memory $outer 1 3)",
        0,
    ),
    (
        "a wide memory's initial length",
        "$wide i64 2 9",
        "$wide i64 3 9",
        47,
    ),
    (
        "a wide memory's greatest length",
        "$wide i64 2 9",
        "$wide i64 2 8",
        0,
    ),
    (
        "a shared memory's length",
        "$many 1 4 shared",
        "$many 2 4 shared",
        0,
    ),
    ("what is shared", "$many 1 4 shared", "$many 1 4", 47),
    (
        "a new memory",
        "(table $fixed",
        "(memory 1) (table $fixed",
        47,
    ),
    ("a table's limits", "$list 5 10", "$list 6 11", 0),
    (
        "a table's first elements",
        "func $double $host",
        "func $host $double",
        0,
    ),
    ("a constant table's length", "$fixed 3", "$fixed 4", 3),
    (
        "a table seen from outside",
        "(export",
        "(export \"t\" (table $fixed)) (export",
        17,
    ),
    (
        "a table in front",
        "(table $fixed",
        "(table 1 funcref) (table $fixed",
        11,
    ),
    (
        "a type in front",
        "(module",
        "(module (type (func (param f64 f64))) ",
        47,
    ),
    (
        "a type at the end",
        "(data $bytes",
        "(func (param f64) (result f32) (unreachable)) (data $bytes",
        48,
    ),
    (
        "an open type",
        "(type $unary (func (param i32) (result i32)))",
        "(type $unary (sub (func (param i32) (result i32))))",
        18,
    ),
    (
        "an open type of nothing",
        "(type $third (func (param f32)))",
        "(type $third (sub (func (param f32))))",
        18,
    ),
    (
        "a function in front",
        "(func $double",
        "(func (drop (i32.const 5))) (func $double",
        1,
    ),
    (
        "a function in between",
        "(func $loads ",
        "(func (drop (i32.const 5))) (func $loads ",
        1,
    ),
    (
        "another function",
        "(call $caller (call $double",
        "(call $double (call $double",
        0,
    ),
    (
        "another order",
        "(call $caller (call $double",
        "(call $double (call $caller",
        0,
    ),
    (
        "an import in front",
        "(import \"host\" \"unary\"",
        "(import \"host\" \"zero\" (func (type $unary))) (import \"host\" \"unary\"",
        47,
    ),
    ("an import's name", "\"unary\"", "\"one\"", 0),
    (
        "a global in front",
        "(global $stack",
        "(global (mut i32) (i32.const 3)) (global $stack",
        6,
    ),
    (
        "a global at the end",
        "(tag $ours",
        "(global (mut i32) (i32.const 3)) (tag $ours",
        1,
    ),
    (
        "a tag's type",
        "(tag $theirs (param i32))",
        "(tag $theirs (param i32) )",
        0,
    ),
    ("a tag in front", "(tag $ours", "(tag) (tag $ours", 1),
    (
        "a segment in front",
        "(elem $passive",
        "(elem func $tail) (elem $passive",
        2,
    ),
    ("a segment's items", "$double $caller)", "$double $tail)", 0),
    (
        "a data segment in front",
        "(data $bytes",
        "(data \"x\") (data $bytes",
        2,
    ),
    ("a data segment's bytes", "\"abc\"", "\"abcdef\"", 0),
    ("another local", "(local i64 i32)", "(local i32 i64 i32)", 1),
    (
        "another lane",
        "v128.load8_lane $outer 3",
        "v128.load8_lane $outer 4",
        1,
    ),
    ("another shuffle", "shuffle 0 1", "shuffle 1 0", 1),
    ("another label", "br_table 0 1 2", "br_table 1 0 2", 1),
    ("a result", "$gives (result i32)", "$gives (result f64)", 2),
    (
        "a result of an import",
        "(func $host_gives (result i32))",
        "(func $host_gives (result f64))",
        1,
    ),
    (
        "a global's type",
        "$spare (mut i32) (i32.const 0)",
        "$spare (mut f64) (f64.const 0)",
        1,
    ),
    (
        "an imported global's type",
        "(global $borrowed (mut i32))",
        "(global $borrowed i32)",
        2,
    ),
    (
        "a table's type",
        "$spare 3 funcref",
        "$spare 3 externref",
        1,
    ),
    (
        "a type's result",
        "$giving (func (result f32))",
        "$giving (func (result v128))",
        2,
    ),
    ("a local's type", "$unused i32", "$unused v128", 1),
    (
        "a function for an import",
        "(func $gives (result i32) (unreachable))",
        "(func $host_gives_too (result i32) (unreachable)) (func $gives (result i32) (unreachable))",
        0,
    ),
    (
        "a callee that is imported",
        "(drop (call $gives))",
        "(drop (call $host_gives))",
        1,
    ),
    (
        "another import of that type",
        "(call $host (local.get 0)))\n    (func $tail",
        "(call $host_again (local.get 0)))\n    (func $tail",
        1,
    ),
    (
        "another imported global",
        "(drop (global.get $borrowed))",
        "(drop (global.get $borrowed_again))",
        1,
    ),
    (
        "an imported table in between",
        "(import \"host\" \"memory\"",
        "(import \"host\" \"second\" (table 1 externref)) (import \"host\" \"memory\"",
        47,
    ),
    ("another offset", "offset=4", "offset=5", 1),
    (
        "another local in use",
        "(local.get 0) (local.get 1) (local.get 2)",
        "(local.get 1) (local.get 0) (local.get 2)",
        1,
    ),
    (
        "another memory",
        "memory.copy $outer $many",
        "memory.copy $many $outer",
        1,
    ),
    (
        "another export",
        "(export \"double\" (func $double))",
        "(export \"tail\" (func $tail))",
        0,
    ),
];

fn changed(world: &str, from: &str, to: &str) -> Vec<u8> {
    assert!(world.contains(from), "{from}");
    wat::parse_str(world.replacen(from, to, 1)).unwrap()
}

/// Options that change what translations do.
fn varied_options() -> Vec<Options> {
    let variations: [fn(&mut Options); 7] = [
        |_| (),
        |o| o.opt_level = OptLevel::None,
        |o| o.tunables.memory_checked = true,
        |o| o.tunables.fuel = true,
        |o| o.listeners = true,
        |o| (o.deterministic, o.cpu_features) = (true, CpuLevel::X86_64(4).features()),
        |o| {
            o.target = parse_target("aarch64-unknown-linux-gnu").unwrap();
            o.cpu_features = CpuLevel::Armv8A.features();
        },
    ];
    variations
        .into_iter()
        .map(|vary| {
            let mut options = options();
            vary(&mut options);
            options
        })
        .collect()
}

#[test]
fn whatever_changes_the_artifact_is_that_of_a_whole_compilation() {
    let world = wat::parse_str(WORLD).unwrap();
    for options in varied_options() {
        let before = first(&world, &options);
        for (what, from, to, others) in CHANGES {
            let wasm = changed(WORLD, from, to);
            let (reused, total) = check(&before, &wasm, &options);
            if options == self::options() {
                assert_eq!(total - reused, others, "{what}");
            }
        }
    }
}

#[test]
fn what_is_kept_does_not_depend_on_what_was_kept_before() {
    let world = wat::parse_str(WORLD).unwrap();
    let options = options();
    let before = first(&world, &options);
    for (what, from, to, _) in CHANGES {
        let wasm = changed(WORLD, from, to);
        let whole = first(&wasm, &options);
        let compiled = after(&before, &wasm, &options).unwrap();
        assert!(compiled.incremental.unwrap().functions == whole, "{what}");
        // And back.
        check(&whole, &world, &options);
    }
}

#[test]
fn the_same_holds_where_types_have_subtypes_and_no_table_is_constant() {
    let options = options();
    let open = WORLD.replace(
        "(type $third (func (param f32)))",
        "(type $third (sub (func (param f32))))",
    );
    let world = wat::parse_str(&open).unwrap();
    let before = first(&world, &options);
    for (_, from, to, _) in CHANGES {
        if open.contains(from) {
            let wasm = changed(&open, from, to);
            check(&before, &wasm, &options);
            check(&first(&wasm, &options), &world, &options);
        }
    }
}

#[test]
fn functions_of_other_options_are_not_used() {
    let world = wat::parse_str(WORLD).unwrap();
    for made_with in varied_options() {
        let before = first(&world, &made_with);
        for options in varied_options() {
            let (reused, total) = check(&before, &world, &options);
            let expected = if options == made_with { total } else { 0 };
            assert_eq!(reused, expected, "{options:?} after {made_with:?}");
        }
    }
    let mut without_sections = options();
    without_sections.custom_sections = CustomSections::None;
    let before = first(&world, &options());
    let (reused, total) = check(&before, &world, &without_sections);
    assert_eq!(reused, total, "no function has custom sections in it");
}

#[test]
fn a_body_that_is_not_valid_any_more_is_refused_as_ever() {
    let text =
        |export: &str| format!("(module (func $f) (func (result funcref) (ref.func $f)) {export})");
    let options = options();
    let declared = wat::parse_str(text("(export \"f\" (func $f))")).unwrap();
    let undeclared = wat::parse_str(text("")).unwrap();
    let before = first(&declared, &options);
    let error = after(&before, &undeclared, &options).unwrap_err();
    assert_eq!(error, compile(&undeclared, &options).unwrap_err());
}

#[test]
fn what_exceeds_a_limit_is_refused_also_where_it_is_known() {
    let world = wat::parse_str(WORLD).unwrap();
    let mut options = options();
    let before = first(&world, &options);
    let lower: [fn(&mut Limits); 6] = [
        |limits| limits.locals = 2,
        |limits| limits.nesting = 2,
        |limits| limits.operands = 1,
        |limits| limits.body_bytes = 10,
        |limits| limits.memory_bytes = 1 << 13,
        |limits| limits.time = Some(std::time::Duration::ZERO),
    ];
    for lower in lower {
        options.limits = Limits::default();
        lower(&mut options.limits);
        let error = after(&before, &world, &options).unwrap_err();
        assert_eq!(error, compile(&world, &options).unwrap_err());
        assert!(matches!(error, CompileError::Limit { .. }), "{error}");
    }
}

#[test]
fn every_body_that_does_not_decode_gives_the_usual_error() {
    let world = wat::parse_str(WORLD).unwrap();
    let options = options();
    let before = first(&world, &options);
    let mut refused = 0;
    for index in (8..world.len()).step_by(11) {
        for byte in [0x41, 0x80] {
            let mut damaged = world.clone();
            damaged[index] = byte;
            let whole = compile(&damaged, &options);
            refused += usize::from(whole.is_err());
            let compiled = after(&before, &damaged, &options);
            let artifact = compiled.map(|compiled| compiled.bytes);
            assert!(artifact == whole, "byte {index} as {byte:#x}");
        }
    }
    assert!(refused > 0);
}

#[test]
fn where_operators_are_is_known_again() {
    // Two functions that set a global to 1, and then to 1. In one of them the first constant is two
    // bytes long, and in the other one the second.
    let wasm = |body: [u8; 13]| {
        let sections =
            b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x06\x06\x01\x7f\x01\x41\0\x0b";
        [&sections[..], b"\x0a\x0e\x01", &body].concat()
    };
    let options = options();
    let early = wasm(*b"\x0c\0\x41\x81\0\x24\0\x41\x01\x24\0\x01\x0b");
    let late = wasm(*b"\x0c\0\x41\x01\x24\0\x41\x81\0\x24\0\x01\x0b");
    let before = first(&early, &options);
    assert_eq!(check(&before, &early, &options), (1, 1));
    assert_eq!(check(&before, &late, &options), (0, 1));
}

#[test]
fn functions_with_fences_are_kept_like_others() {
    let wasm = wat::parse_str("(module (func (atomic.fence)))").unwrap();
    assert_eq!(check(&first(&wasm, &options()), &wasm, &options()), (1, 1));
}

#[test]
fn hints_belong_to_their_function() {
    let text = |hint: &str| {
        let hint = match hint {
            "" => String::new(),
            hint => format!("(@metadata.code.branch_hint \"{hint}\")"),
        };
        format!(
            "(module (func $f (param i32) (result i32)
                {hint} (if (local.get 0) (then (return (i32.const 5)))) (i32.const 6))
             (func (result i32) (i32.const 7)))"
        )
    };
    let options = options();
    let modules = ["", "\\00", "\\01"].map(|hint| wat::parse_str(text(hint)).unwrap());
    for before in &modules {
        for after in &modules {
            let (reused, _) = check(&first(before, &options), after, &options);
            assert_eq!(reused, if before == after { 2 } else { 1 });
        }
    }
}

#[test]
fn damaged_functions_are_refused() {
    let wasm = wat::parse_str("(module (func (result i32) (i32.const 1)))").unwrap();
    let bytes = first(&wasm, &options()).into_bytes();
    for index in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[index] ^= 0x10;
        assert_eq!(Functions::from_bytes(damaged), Err(DamagedFunctions));
    }
}
