//! Artifacts that are part of the program.

/// The artifact of that name which the build script has compiled, as `&'static [u8]`, for
/// [`Module::load_embedded`](crate::Module::load_embedded). It is part of the program, and starts on
/// a page.
///
/// The build script calls `precast_compiler::build::artifact("guests/app.wasm").compile()`, and the
/// program
///
/// ```ignore
/// let app: &'static [u8] = precast_loader::include_artifact!("app");
/// // SAFETY: app.precast was written by our own build.
/// let module = unsafe { Module::load_embedded(&engine, app)? };
/// ```
///
/// An artifact that comes otherwise is included by its path, like any file with `include_bytes!`:
///
/// ```
/// let bytes = precast_loader::include_artifact!(path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
/// assert!(precast_loader::Module::check(bytes).is_err(), "that is no artifact");
/// assert!(bytes.as_ptr().addr().is_multiple_of(16_384));
/// ```
#[macro_export]
macro_rules! include_artifact {
    ($name:literal) => {
        $crate::include_artifact!(
            path = ::core::concat!(::core::env!("OUT_DIR"), "/", $name, ".precast")
        )
    };
    (path = $path:expr) => {{
        // The largest page of the machines that there are artifacts for.
        #[repr(C, align(16384))]
        struct OnPage<T: ?Sized>(T);
        static ARTIFACT: &OnPage<[u8]> = &OnPage(*::core::include_bytes!($path));
        let bytes: &'static [u8] = &ARTIFACT.0;
        bytes
    }};
}
