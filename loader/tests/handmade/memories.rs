//! Memories that grow, from inside and outside.

use precast_artifacts_format::Tunables;
use precast_loader::{Engine, Linker, Store};

use crate::artifact::{call, parts, plain};

#[test]
fn guest_and_host_grow_the_same_memory() {
    let (mut store, instance) = plain();
    let memory = instance.memory(&mut store, "memory").unwrap();
    assert_eq!(call(&mut store, instance, "grow", (1, 0)).unwrap(), 1);
    assert_eq!(memory.size_pages(&store), 2);
    assert_eq!(memory.grow(&mut store, 1).unwrap(), 2);
    assert!(memory.grow(&mut store, 1).is_err());
    assert_eq!(call(&mut store, instance, "grow", (1, 0)).unwrap(), -1);
    assert_eq!(call(&mut store, instance, "grow", (0, 0)).unwrap(), 3);
    assert_eq!(
        call(&mut store, instance, "load", (3 * 65_536 - 8, 0)).unwrap(),
        0
    );
    assert!(call(&mut store, instance, "load", (3 * 65_536 - 7, 0)).is_err());
}

#[test]
fn a_memory_with_explicit_checks_keeps_its_image_when_it_moves() {
    let mut parts = parts();
    parts.tunables = Tunables {
        memory_guard_bytes: 0,
        memory_checked: true,
        fuel: false,
    };
    let engine = Engine::default();
    let module = parts.load(&engine);
    let mut linker = Linker::new(&engine);
    linker.func("env", "host", |a: i64, _: i64| a).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    assert_eq!(call(&mut store, instance, "grow", (2, 0)).unwrap(), 1);
    let memory = instance.memory(&mut store, "memory").unwrap();
    assert_eq!(memory.data(&store)[8191..8193], [0xee, 0]);
    let expected = i64::from_le_bytes([0xee; 8]);
    assert_eq!(
        call(&mut store, instance, "load", (8184, 0)).unwrap(),
        expected
    );
}

#[test]
fn instances_do_not_see_what_others_write() {
    let engine = Engine::default();
    let module = parts().load(&engine);
    let mut linker = Linker::new(&engine);
    linker.func("env", "host", |a: i64, _: i64| a).unwrap();
    let mut store = Store::new(&engine, ());
    let [a, b] = [(); 2].map(|()| {
        let instance = linker.instantiate(&mut store, &module).unwrap();
        instance.memory(&mut store, "memory").unwrap()
    });
    a.write(&mut store, 4096, &[1]).unwrap();
    assert_eq!(a.data(&store)[4096], 1);
    assert_eq!(b.data(&store)[4096], 0xee);
}
