//! Functions of the host's that guests call: with the host's data, and with errors of its own.

use std::fmt;

use precast_loader::{Caller, Engine, Error, Linker, Module, Store, include_artifact};

/// What the host keeps in the store, where its functions find it.
struct Shop {
    prices_cents: Vec<i64>,
    questions: u32,
}

#[derive(Debug, PartialEq)]
struct UnknownItem(u32);

impl fmt::Display for UnknownItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no item {}", self.0)
    }
}

impl std::error::Error for UnknownItem {}

/// Its WebAssembly type follows from its Rust type. An error ends the guest and comes out of the
/// call that the host made.
fn price_cents(mut caller: Caller<'_, Shop>, item: u32) -> Result<i64, Error> {
    let shop = caller.data_mut();
    shop.questions += 1;
    let price = shop.prices_cents.get(item as usize);
    price.copied().ok_or(Error::host(UnknownItem(item)))
}

fn main() -> Result<(), Error> {
    let engine = Engine::default();
    // SAFETY: our own build script has compiled it, and it is a part of this program.
    let module = unsafe { Module::load_embedded(&engine, include_artifact!("order"))? };

    let mut linker = Linker::new(&engine);
    linker.func("shop", "price_cents", price_cents)?;
    let shop = Shop {
        prices_cents: vec![120, 350],
        questions: 0,
    };
    let mut store = Store::new(&engine, shop);
    let instance = linker.instantiate(&mut store, &module)?;
    let total_cents = instance.typed_func::<(u32, u32), i64>(&mut store, "total_cents")?;

    let total = total_cents.call(&mut store, (1, 3))?;
    println!("three of item 1: {total} cents");
    assert_eq!(total, 1050);

    let error = total_cents.call(&mut store, (7, 1)).unwrap_err();
    println!(
        "one of item 7: {}",
        error.downcast_ref::<UnknownItem>().unwrap()
    );
    assert_eq!(error.downcast_ref(), Some(&UnknownItem(7)));

    println!("the guest has asked {} times", store.data().questions);
    assert_eq!(store.data().questions, 2);
    Ok(())
}
