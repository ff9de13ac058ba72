//! What the generator of modules in which no result is lost makes of bytes.

use std::collections::BTreeMap;

use arbitrary::Unstructured;
use precast_fuzz::modules::Dialect;
use precast_fuzz::{expressions, seeds};
use wasmparser::{Parser, Payload, TypeRef, Validator, WasmFeatures};

fn modules(dialect: Dialect, own_nans: bool) -> impl Iterator<Item = Vec<u8>> {
    (0..300).map(move |seed| {
        let bytes = seeds::bytes(seed, 6_000);
        let module = expressions::to_run(&mut Unstructured::new(&bytes), dialect, own_nans);
        module.expect("a module of any bytes")
    })
}

/// The operators in the modules' code, by name, and how often they are there.
fn operators(modules: impl Iterator<Item = Vec<u8>>) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for wasm in modules {
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        validator.validate_all(&wasm).expect("a valid module");
        for payload in Parser::new(0).parse_all(&wasm) {
            let Ok(Payload::CodeSectionEntry(body)) = payload else {
                continue;
            };
            for operator in body.get_operators_reader().expect("operators") {
                let text = format!("{:?}", operator.expect("an operator"));
                let name = text.split([' ', '{']).next().expect("a name");
                *found.entry(name.to_owned()).or_insert(0) += 1;
            }
        }
    }
    found
}

#[test]
fn every_operator_is_used_often() {
    let found = operators(modules(Dialect::Wasmi, false));
    assert!(found.len() >= 438, "only {} operators", found.len());
    for (name, count) in found {
        assert!(count >= 5, "{name} is there {count} times");
    }
}

#[test]
fn what_wasmtime_alone_knows_is_used_too() {
    let found = operators(modules(Dialect::Wasmtime, true));
    assert!(found.len() >= 530, "only {} operators", found.len());
    for (name, count) in found {
        assert!(count >= 2, "{name} is there {count} times");
    }
}

#[test]
fn everything_is_imported_often() {
    let mut found = [0; 5];
    for wasm in modules(Dialect::Wasmtime, false) {
        for payload in Parser::new(0).parse_all(&wasm) {
            let Ok(Payload::ImportSection(section)) = payload else {
                continue;
            };
            for import in section.into_imports() {
                found[match import.expect("an import").ty {
                    TypeRef::Func(_) | TypeRef::FuncExact(_) => 0,
                    TypeRef::Table(_) => 1,
                    TypeRef::Memory(_) => 2,
                    TypeRef::Global(_) => 3,
                    TypeRef::Tag(_) => 4,
                }] += 1;
            }
        }
    }
    assert!(found.iter().all(|&count| count >= 20), "{found:?}");
}

#[test]
fn a_module_is_made_of_no_bytes() {
    for dialect in [Dialect::Wasmi, Dialect::Wasmtime] {
        let wasm = expressions::to_run(&mut Unstructured::new(&[]), dialect, false);
        let wasm = wasm.expect("a module of any bytes");
        wasmparser::validate(&wasm).expect("a valid module");
    }
}
