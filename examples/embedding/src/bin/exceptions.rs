//! Exceptions that guests throw and hosts see, and the other way round.

use precast_loader::{
    Caller, Engine, Error, Exception, FuncType, Linker, Module, Store, Tag, ValType,
    include_artifact,
};

/// Balances of accounts, in cents.
type Accounts = Vec<i64>;

fn main() -> Result<(), Error> {
    let engine = Engine::default();
    // SAFETY: our own build script has compiled it, and it is a part of this program.
    let module = unsafe { Module::load_embedded(&engine, include_artifact!("bank"))? };
    let mut store = Store::new(&engine, Accounts::from([1000, 0]));

    // A tag says what kind of exception one is, and what it carries: an account, here.
    let unknown = Tag::new(&mut store, FuncType::new([ValType::I32], []))?;
    let find = move |caller: &mut Caller<'_, Accounts>, account: u32| {
        let index = account as usize;
        if index < caller.data().len() {
            return Ok(index);
        }
        // A host function throws by returning an exception as its error.
        Err(Error::from(Exception::new(
            caller,
            unknown,
            &[account.into()],
        )?))
    };
    let mut linker = Linker::new(&engine);
    linker
        .define("bank", "unknown_account", unknown)?
        .func(
            "bank",
            "balance_cents",
            move |mut caller: Caller<'_, Accounts>, account: u32| {
                let index = find(&mut caller, account)?;
                Ok::<_, Error>(caller.data()[index])
            },
        )?
        .func(
            "bank",
            "add_cents",
            move |mut caller: Caller<'_, Accounts>, account: u32, cents: i64| {
                let index = find(&mut caller, account)?;
                caller.data_mut()[index] += cents;
                Ok::<_, Error>(())
            },
        )?;
    let bank = linker.instantiate(&mut store, &module)?;
    let too_little = bank.tag(&mut store, "too_little")?;
    let exists = bank.typed_func::<u32, i32>(&mut store, "exists")?;
    let transfer = bank.typed_func::<(u32, u32, i64), ()>(&mut store, "move")?;

    // The guest catches the host's exception.
    let found = [exists.call(&mut store, 1)?, exists.call(&mut store, 5)?];
    println!("account 1: {}, account 5: {}", found[0], found[1]);
    assert_eq!(found, [1, 0]);

    transfer.call(&mut store, (0, 1, 300))?;
    println!("300 cents moved: {:?}", store.data());

    // What it does not catch is an error of the call.
    for (from, to, cents) in [(0, 1, 5000), (0, 7, 100)] {
        let error = transfer.call(&mut store, (from, to, cents)).unwrap_err();
        let exception = error.exception().expect("nothing else goes wrong");
        let what = if exception.tag() == too_little {
            "cents are missing"
        } else {
            "is no account"
        };
        println!("{:?} {what}", exception.args()[0]);
    }
    println!("and nothing has changed: {:?}", store.data());
    assert_eq!(*store.data(), [700, 300]);
    Ok(())
}
