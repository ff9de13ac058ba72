//! Functions with names as the Rust compiler mangles them, some from the core library, inlined.

#![no_std]
#![crate_type = "cdylib"]

mod list {
    pub struct List<'a>(pub &'a [u32]);

    impl List<'_> {
        #[inline(always)]
        pub fn total<F: Fn(u32) -> u32>(&self, each: F) -> u32 {
            self.0.iter().fold(0, |sum, &item| sum + each(item))
        }
    }
}

#[inline(never)]
fn reciprocal(item: u32) -> u32 {
    if item == 0 {
        core::hint::black_box(item);
        core::arch::wasm32::unreachable() // stops "total"
    }
    1000 / item
}

#[unsafe(no_mangle)]
pub extern "C" fn total(last: u32) -> u32 {
    let items = [1, 2, last];
    list::List(core::hint::black_box(&items)).total(|item| reciprocal(item) + 1)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
