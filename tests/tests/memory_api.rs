//! What the host reads from a guest's memory and writes to it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use precast_loader::{
    Caller, Engine, Error, Instance, Linker, Memory, MemoryType, Store, UsageError, WASM_PAGE_BYTES,
};
use precast_tests::{call, instance, module};

const GUEST: &str = r#"
    (module
      (memory (export "memory") 1 3)
      (func (export "load32") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "load16") (param i32) (result i32) (i32.load16_s (local.get 0)))
      (func (export "load_f64") (param i32) (result i32)
        (i32.trunc_sat_f64_s (f64.load (local.get 0))))
      (func (export "store64") (param i32) (result i32)
        (i64.store (local.get 0) (i64.const 0x0102030405060708)) (i32.const 0))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
"#;

const PAGE: u64 = WASM_PAGE_BYTES;

fn guest() -> (Store<()>, Instance, Memory) {
    let (mut store, instance) = instance(GUEST);
    let memory = instance.memory(&mut store, "memory").unwrap();
    (store, instance, memory)
}

fn refused<T>(result: Result<T, Error>) -> UsageError {
    match result {
        Err(Error::Usage(error)) => error,
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("it was done"),
    }
}

fn out_of_bounds(offset: u64, len: u64, size: u64) -> UsageError {
    UsageError::OutOfBounds { offset, len, size }
}

#[test]
fn host_and_guest_agree_on_numbers_aligned_or_not() {
    let (mut store, instance, memory) = guest();
    for at in [0, 1, 7, 4093, PAGE - 8] {
        memory.store(&mut store, at, -2_000_000_000i32).unwrap();
        let seen = call(&mut store, instance, "load32", at as i32).unwrap();
        assert_eq!(seen, -2_000_000_000);
        memory.store(&mut store, at, -300i16).unwrap();
        let seen = call(&mut store, instance, "load16", at as i32).unwrap();
        assert_eq!(seen, -300);
        memory.store(&mut store, at, -7.75f64).unwrap();
        let seen = call(&mut store, instance, "load_f64", at as i32).unwrap();
        assert_eq!(seen, -7);
        call(&mut store, instance, "store64", at as i32).unwrap();
        assert_eq!(
            memory.load::<u64>(&store, at).unwrap(),
            0x0102_0304_0506_0708
        );
        let halves = memory.load::<[u32; 2]>(&store, at).unwrap();
        assert_eq!(halves, [0x0506_0708, 0x0102_0304]);
    }
}

#[test]
fn nothing_reaches_beyond_the_end_and_errors_say_by_how_much() {
    let (mut store, _, memory) = guest();
    memory.store(&mut store, PAGE - 4, u32::MAX).unwrap();
    for (offset, len) in [
        (PAGE - 3, 4),
        (PAGE, 4),
        (u64::MAX, 4),
        (u64::MAX - 3, 4),
        (1 << 32, 4),
    ] {
        let expected = out_of_bounds(offset, len, PAGE);
        assert_eq!(refused(memory.load::<u32>(&store, offset)), expected);
        assert_eq!(refused(memory.store(&mut store, offset, 7u32)), expected);
        let mut bytes = [9; 4];
        assert_eq!(refused(memory.read(&store, offset, &mut bytes)), expected);
        assert_eq!(bytes, [9; 4]);
        assert_eq!(refused(memory.write(&mut store, offset, &bytes)), expected);
        assert_eq!(
            refused(memory.write_str(&mut store, offset, "text")),
            expected
        );
        assert_eq!(refused(memory.fill(&mut store, offset, len, 7)), expected);
        assert_eq!(refused(memory.slice(&store, offset, len)), expected);
        assert_eq!(refused(memory.slice_mut(&mut store, offset, len)), expected);
        assert_eq!(refused(memory.read_vec(&store, offset, len)), expected);
        assert_eq!(refused(memory.read_string(&store, offset, len)), expected);
        assert_eq!(
            refused(memory.copy_within(&mut store, offset, 0, len)),
            expected
        );
        assert_eq!(
            refused(memory.copy_within(&mut store, 0, offset, len)),
            expected
        );
    }
    // Nothing has been written by any of these.
    assert_eq!(
        memory.load::<u64>(&store, PAGE - 8).unwrap(),
        0xffff_ffff_0000_0000
    );
    assert_eq!(memory.load::<u128>(&store, 0).unwrap(), 0);
    // Nothing at the very end is there.
    assert_eq!(memory.slice(&store, PAGE, 0).unwrap(), []);
    memory.load::<[u64; 0]>(&store, PAGE).unwrap();
    let beyond = refused(memory.slice(&store, PAGE + 1, 0));
    assert_eq!(beyond, out_of_bounds(PAGE + 1, 0, PAGE));
    assert_eq!(
        beyond.to_string(),
        "out of bounds: 0 from 65537 on, of 65536"
    );
}

#[test]
fn a_length_of_the_guests_is_checked_before_anything_is_allocated() {
    let (store, _, memory) = guest();
    // Any of these would end the process if it were allocated.
    for len in [u64::MAX, u64::MAX / 2, 1 << 62, isize::MAX as u64] {
        assert_eq!(
            refused(memory.read_vec(&store, 0, len)),
            out_of_bounds(0, len, PAGE)
        );
        refused(memory.read_string(&store, 8, len));
    }
    assert_eq!(memory.read_vec(&store, 0, PAGE).unwrap().len(), 65_536);
}

#[test]
fn text_is_checked_and_the_first_wrong_byte_is_told() {
    let (mut store, _, memory) = guest();
    let text = "köşe ✓ \u{10ffff}\0";
    let len = memory.write_str(&mut store, 100, text).unwrap();
    assert_eq!(len, text.len() as u64);
    assert_eq!(memory.read_string(&store, 100, len).unwrap(), text);
    assert_eq!(memory.read_string(&store, 100, 0).unwrap(), "");
    // Cut within the last character but one.
    let error = refused(memory.read_string(&store, 100, len - 2));
    assert_eq!(
        error,
        UsageError::NotUtf8 {
            offset: 100 + len - 5
        }
    );
    memory.store(&mut store, 102, 0xffu8).unwrap();
    let error = refused(memory.read_string(&store, 100, len));
    assert_eq!(error, UsageError::NotUtf8 { offset: 101 });
}

#[test]
fn bytes_can_be_filled_and_moved_in_place() {
    let (mut store, _, memory) = guest();
    memory.fill(&mut store, 10, 4, 0xab).unwrap();
    assert_eq!(
        memory.slice(&store, 9, 6).unwrap(),
        [0, 0xab, 0xab, 0xab, 0xab, 0]
    );
    memory.fill(&mut store, 0, PAGE, 0).unwrap();
    memory.write(&mut store, 0, &[1, 2, 3, 4]).unwrap();
    memory.copy_within(&mut store, 0, 1, 4).unwrap();
    assert_eq!(memory.slice(&store, 0, 6).unwrap(), [1, 1, 2, 3, 4, 0]);
    memory.copy_within(&mut store, 2, 0, 3).unwrap();
    assert_eq!(memory.slice(&store, 0, 6).unwrap(), [2, 3, 4, 3, 4, 0]);
    memory.slice_mut(&mut store, 1, 2).unwrap().reverse();
    assert_eq!(memory.slice(&store, 0, 4).unwrap(), [2, 4, 3, 3]);
}

#[test]
fn bytes_go_from_one_memory_to_another() {
    let (mut store, _, guests) = guest();
    let ty = MemoryType::new(2, None);
    let own = Memory::new(&mut store, ty).unwrap();
    own.write(&mut store, PAGE, b"beyond the other's end")
        .unwrap();
    guests.copy_from(&mut store, 5, own, PAGE, 6).unwrap();
    assert_eq!(guests.slice(&store, 4, 8).unwrap(), b"\0beyond\0");
    assert_eq!(
        refused(guests.copy_from(&mut store, PAGE - 5, own, PAGE, 6)),
        out_of_bounds(PAGE - 5, 6, PAGE)
    );
    assert_eq!(
        refused(own.copy_from(&mut store, 0, guests, PAGE - 5, 6)),
        out_of_bounds(PAGE - 5, 6, PAGE)
    );
    assert_eq!(own.load::<u64>(&store, 0).unwrap(), 0);
    // The same memory is no special case.
    guests.copy_from(&mut store, 7, guests, 5, 6).unwrap();
    assert_eq!(guests.slice(&store, 5, 8).unwrap(), b"bebeyond");
}

#[test]
fn what_a_guest_grows_the_host_can_reach() {
    let (mut store, instance, memory) = guest();
    assert_eq!(
        (memory.size_pages(&store), memory.size_bytes(&store)),
        (1, PAGE)
    );
    refused(memory.load::<u8>(&store, 2 * PAGE - 1));
    assert_eq!(call(&mut store, instance, "grow", 1).unwrap(), 1);
    assert_eq!(
        (memory.size_pages(&store), memory.size_bytes(&store)),
        (2, 2 * PAGE)
    );
    assert_eq!(memory.load::<u8>(&store, 2 * PAGE - 1).unwrap(), 0);
    assert_eq!(memory.data(&store).len() as u64, 2 * PAGE);
}

#[test]
fn a_memory_of_four_gibibytes_is_reached_to_its_last_byte() {
    let mut store = Store::new(&Engine::default(), ());
    let ty = MemoryType::new(65_536, None);
    let memory = Memory::new(&mut store, ty).unwrap();
    assert_eq!(memory.size_bytes(&store), 1 << 32);
    memory
        .store(&mut store, (1 << 32) - 8, u64::MAX - 1)
        .unwrap();
    assert_eq!(
        memory.load::<u64>(&store, (1 << 32) - 8).unwrap(),
        u64::MAX - 1
    );
    refused(memory.load::<u64>(&store, (1 << 32) - 7));
    let full = refused(memory.grow(&mut store, 1));
    assert_eq!(full, UsageError::CannotGrow);
}

#[test]
fn a_host_function_gets_the_memory_that_its_caller_exports() {
    // Its own second one, somebody else's, and none under that name.
    for (text, pages) in [
        (
            r#"(memory 1) (memory (export "memory") 2) (memory (export "third") 3)"#,
            Some(2),
        ),
        (r#"(export "memory" (memory 0)) (memory 2)"#, Some(5)),
        (
            r#"(memory (export "other") 1) (export "memory" (func 0))"#,
            None,
        ),
        (r#"(memory (export "other") 1)"#, None),
    ] {
        let import = if pages == Some(5) {
            r#"(import "host" "memory" (memory 0))"#
        } else {
            ""
        };
        let text = format!(
            r#"(module (import "host" "look" (func $look)) {import} {text}
              (func (export "run") (call $look) (call $look)))"#
        );
        let engine = Engine::default();
        let module = module(&engine, &text);
        let mut store = Store::new(&engine, Vec::new());
        let imported = Memory::new(&mut store, MemoryType::new(5, None)).unwrap();
        let mut linker = Linker::new(&engine);
        linker
            .func("host", "look", |mut caller: Caller<'_, Vec<_>>| {
                let size = caller.memory().map(|memory| memory.size_pages(&caller));
                caller.data_mut().push(size);
            })
            .unwrap();
        linker.define("host", "memory", imported).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.typed_func::<(), ()>(&mut store, "run").unwrap();
        run.call(&mut store, ()).unwrap();
        assert_eq!(*store.data(), [pages, pages], "{text}");
    }
}

#[test]
fn a_memory_of_another_store_is_refused() {
    let (mut store, _, memory) = guest();
    let (mut other_store, _, other) = guest();
    let refused = |action: &mut dyn FnMut()| {
        catch_unwind(AssertUnwindSafe(action)).expect_err("a panic");
    };
    refused(&mut || drop(memory.load::<u8>(&other_store, 0)));
    refused(&mut || drop(memory.store(&mut other_store, 0, 1u8)));
    refused(&mut || drop(memory.copy_from(&mut store, 0, other, 0, 1)));
    refused(&mut || drop(other.copy_from(&mut store, 0, memory, 0, 1)));
}
