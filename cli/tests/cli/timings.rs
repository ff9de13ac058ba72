//! `precast compile --timings`: how long what took.

use std::fs;

use serde_json::Value;

use crate::support::{Call, Scratch, precast};

/// Names that would end the page's data, or its script, if they could.
const HOSTILE: &str = r#"(module
    (func (export "</script><script>alert(1)</script><!--@DATA@") (drop (memory.grow (i32.const 1))))
    (func (@name "\"</SCRIPT><b>'\\\u{2028}"))
    (memory 1))"#;

fn compile(scratch: &Scratch, args: &[&str]) -> Call {
    precast([&["compile"], args].concat()).current_dir(&scratch.path(""))
}

/// What the page shows.
fn data(page: &str) -> Value {
    let (_, rest) = page
        .split_once("<script id=\"data\" type=\"application/json\">")
        .unwrap();
    let (data, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(data).unwrap()
}

#[test]
fn a_page_shows_phases_and_functions_of_each_module() {
    let scratch = Scratch::new();
    scratch.file("</script>.wat".replace('/', "_").as_str(), HOSTILE);
    scratch.file("b.wat", "(module)");
    let inputs = ["<_script>.wat", "b.wat"];
    let with = |more: &[&str]| compile(&scratch, &[&inputs[..], more].concat());
    assert_eq!(with(&["--quiet", "--timings=times.html"]).succeeds(), "");
    let page = fs::read_to_string(scratch.path("times.html")).unwrap();
    for (tag, count) in [
        ("<script", 2),
        ("</script", 2),
        ("<!--", 0),
        ("http:", 0),
        ("https:", 0),
    ] {
        assert_eq!(page.to_lowercase().matches(tag).count(), count, "{tag}");
    }
    let data = data(&page);
    let modules = data.as_array().unwrap();
    assert_eq!(modules.len(), 2);
    assert_eq!(modules[0]["name"], inputs[0]);
    let phases = modules[0]["phases"].as_array().unwrap();
    let phases: Vec<&str> = phases.iter().map(|it| it[0].as_str().unwrap()).collect();
    assert_eq!(
        phases,
        ["read", "parse", "plan", "generate", "link", "emit", "write"]
    );
    let functions = modules[0]["functions"].as_array().unwrap();
    let mut named: Vec<&Value> = functions.iter().filter(|it| !it[1].is_null()).collect();
    named.sort_by_key(|it| it[1].as_u64());
    assert_eq!(named[0][0], "</script><script>alert(1)</script><!--@DATA@");
    assert_eq!(named[1][0], "\"</SCRIPT><b>'\\\u{2028}");
    assert_eq!(named[1][2], 2, "bytes of an empty body");
    assert!(functions.len() > named.len(), "trampolines");
    // Whether anybody looks at the clock changes nothing.
    let [before, after] = ["before", "after"].map(|name| scratch.path(name));
    for (output, more) in [(&before, &[][..]), (&after, &["--timings=-"][..])] {
        let output = output.to_str().unwrap();
        let args = [&["b.wat", "-q", "-o", output], more].concat();
        compile(&scratch, &args).succeeds();
    }
    assert_eq!(fs::read(before).unwrap(), fs::read(after).unwrap());
}

#[test]
fn a_page_is_written_for_listings_and_objects_and_what_did_not_fail() {
    let scratch = Scratch::new();
    scratch.file("a.wat", HOSTILE);
    scratch.file("bad.wat", "(module (func i32.add drop))");
    for (emit, functions) in [("asm", false), ("obj", true)] {
        let args = ["a.wat", "bad.wat", "--emit", emit, "--timings=t.html"];
        compile(&scratch, &args).fails(1, &["bad.wat", "1 of 2 modules failed"]);
        let data = data(&fs::read_to_string(scratch.path("t.html")).unwrap());
        assert_eq!(data.as_array().unwrap().len(), 1);
        let found = !data[0]["functions"].as_array().unwrap().is_empty();
        assert_eq!(found, functions, "{emit}");
    }
}

#[test]
fn a_page_takes_the_place_of_nothing_else() {
    let scratch = Scratch::new();
    scratch.file("a.wat", HOSTILE);
    let usage = |args: &[&str], part| compile(&scratch, args).fails(2, &[part]);
    usage(&["a.wat", "--timings=a.precast"], "both write a.precast");
    usage(&["a.wat", "--timings=./d", "--depfile", "d"], "both write");
    usage(&["a.wat", "--timings=-", "-o", "-"], "standard output");
    usage(&["a.wat", "--timings=-", "--json"], "standard output");
    usage(&["a.wat", "--timings", "--quiet"], "--timings=FILE");
    compile(&scratch, &["a.wat", "--timings=./a.wat"]).fails(1, &["would replace the module"]);
    assert_eq!(scratch.names(), ["a.wat"]);
}
