//! Fuel: how much guest code may execute.

use precast_artifacts_format::TrapCode;

use crate::caller::Caller;
use crate::error::Error;
use crate::module::Module;
use crate::store::core::StoreCore;
use crate::store::{AsStore as _, AsStoreMut as _, Store, StoreMut};

/// What `fuel` gives, and `set_fuel` takes, where there is no limit.
const UNLIMITED: u64 = u64::MAX;

/// What is the same wherever the store is borrowed from.
macro_rules! same_everywhere {
    () => {
        /// How much fuel is left: 0 when it is used up, `u64::MAX` where none has been set.
        ///
        /// ```
        /// use precast_loader::{Engine, Store};
        ///
        /// let mut store = Store::new(&Engine::default(), ());
        /// assert_eq!(store.fuel(), u64::MAX);
        /// store.set_fuel(1_000);
        /// assert_eq!(store.fuel(), 1_000);
        /// ```
        pub fn fuel(&self) -> u64 {
            self.as_store().core().fuel()
        }

        /// Uses up fuel, for work that the host does for the guest. Nothing happens where none has
        /// been set.
        ///
        /// # Errors
        ///
        /// The trap [`OutOfFuel`](crate::TrapCode::OutOfFuel) if there is not as much, with which
        /// a host function ends the guest. All is used up then.
        ///
        /// ```
        /// use precast_loader::{Caller, Engine, Error, Linker};
        ///
        /// let mut linker = Linker::<()>::new(&Engine::default());
        /// linker.func("env", "hash", |mut caller: Caller<'_, ()>, bytes: u32| {
        ///     caller.use_fuel(u64::from(bytes) / 64)
        /// })?;
        /// # Ok::<(), Error>(())
        /// ```
        pub fn use_fuel(&mut self, fuel: u64) -> Result<(), Error> {
            self.as_store_mut().core_mut().use_fuel(fuel)
        }
    };
}

impl<T> Store<T> {
    /// Gives the store's guests so much fuel, whatever they had before; `u64::MAX` takes the limit
    /// away, and everything else beyond `i64::MAX` counts as that.
    ///
    /// Only modules whose code [counts fuel](Module::counts_fuel) use any: those that were compiled
    /// for it. Others run for as long as they like, also in a store with fuel. Instances of a store
    /// share what it has.
    ///
    /// Each operator that is executed uses one unit, but for those that only structure the code
    /// (`block`, `loop`, `try_table`, `else`, `end`, `nop`, `drop`), which are free. Operators on
    /// ranges of memories and tables use one more for every 64 bytes or 8 elements, rounded down;
    /// those that grow them, for what has been added. Neither the level of optimisation nor the machine makes
    /// a difference, so that a program that does the same uses the same. Where it traps it has
    /// paid up to the next branch or call in any case.
    ///
    /// A guest that has used up more than it was given is ended by the trap
    /// [`OutOfFuel`](crate::TrapCode::OutOfFuel) when it next calls a function or repeats a loop.
    /// So it may run on for the length of a function, and come to its end. The store can be given
    /// more and called again.
    ///
    /// ```
    /// use precast_loader::TrapCode;
    ///
    /// # let (mut store, instance) = example::instance();
    /// let twice = instance.typed_func::<i32, i32>(&mut store, "twice")?;
    /// let spin = instance.typed_func::<(), ()>(&mut store, "spin")?;
    /// store.set_fuel(1_000_000);
    /// twice.call(&mut store, 21)?;
    /// println!("{} used", 1_000_000 - store.fuel());
    /// let error = spin.call(&mut store, ()).unwrap_err();
    /// assert_eq!(error.trap().map(|trap| trap.code()), Some(TrapCode::OutOfFuel));
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn set_fuel(&mut self, fuel: u64) {
        self.as_store_mut().core_mut().set_fuel(fuel);
    }

    same_everywhere!();
}

/// Fuel, from where a store is borrowed.
impl<T> StoreMut<'_, T> {
    /// As [`Store::set_fuel`].
    ///
    /// ```
    /// use precast_loader::{AsStoreMut, Engine, Store};
    ///
    /// fn refill(store: &mut impl AsStoreMut) {
    ///     store.as_store_mut().set_fuel(1_000);
    /// }
    /// # let mut store = Store::new(&Engine::default(), ());
    /// # refill(&mut store);
    /// # assert_eq!(store.fuel(), 1_000);
    /// ```
    pub fn set_fuel(&mut self, fuel: u64) {
        self.core_mut().set_fuel(fuel);
    }

    same_everywhere!();
}

/// Fuel, from within a host function. A guest that has called it has paid for the call, and for
/// nothing behind it.
impl<T> Caller<'_, T> {
    /// As [`Store::set_fuel`].
    ///
    /// ```
    /// use precast_loader::{Caller, Engine, Linker};
    ///
    /// let mut linker = Linker::<()>::new(&Engine::default());
    /// linker.func("env", "next_request", |mut caller: Caller<'_, ()>| {
    ///     caller.set_fuel(1_000_000);
    /// })?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn set_fuel(&mut self, fuel: u64) {
        self.as_store_mut().set_fuel(fuel);
    }

    same_everywhere!();
}

impl Module {
    /// Whether the module's code counts fuel: it was compiled with the option `fuel`. See
    /// [`Store::set_fuel`].
    ///
    /// ```
    /// # let module = example::module(&precast_loader::Engine::default());
    /// assert!(module.counts_fuel(), "compile it with --fuel");
    /// ```
    pub fn counts_fuel(&self) -> bool {
        self.note().tunables.fuel
    }
}

impl StoreCore {
    fn set_fuel(&mut self, fuel: u64) {
        self.fuel_is_limited = fuel != UNLIMITED;
        self.context.fuel = i64::try_from(fuel).unwrap_or(i64::MAX);
    }

    fn use_fuel(&mut self, fuel: u64) -> Result<(), Error> {
        if !self.fuel_is_limited {
            return Ok(());
        }
        let used = i64::try_from(fuel).unwrap_or(i64::MAX);
        let left = self.context.fuel.saturating_sub(used);
        // No further below zero than it takes: code that counts goes on from there, and must not
        // come by the smallest number to the largest.
        self.context.fuel = left.max(-1);
        if left < 0 {
            return Err(TrapCode::OutOfFuel.into());
        }
        Ok(())
    }

    fn fuel(&self) -> u64 {
        if self.fuel_is_limited {
            // Less than nothing is left where more has been used.
            u64::try_from(self.context.fuel).unwrap_or(0)
        } else {
            UNLIMITED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;

    #[test]
    fn fuel_is_what_was_set_or_no_limit() {
        let mut store = Store::new(&Engine::default(), ());
        let mut check = |set, found| {
            store.set_fuel(set);
            assert_eq!(store.fuel(), found);
        };
        check(0, 0);
        check(7, 7);
        check(i64::MAX as u64 + 1, i64::MAX as u64);
        check(UNLIMITED - 1, i64::MAX as u64);
        check(UNLIMITED, UNLIMITED);
        assert!(store.use_fuel(u64::MAX).is_ok(), "there is no limit");
        assert_eq!(store.fuel(), UNLIMITED);
        store.set_fuel(7);
        assert!(store.use_fuel(7).is_ok());
        let error = store.use_fuel(1).unwrap_err();
        assert_eq!(
            error.trap().map(|trap| trap.code()),
            Some(TrapCode::OutOfFuel)
        );
        assert!(store.use_fuel(u64::MAX).is_err());
        assert_eq!(store.fuel(), 0);
    }
}
