//! Artifacts that are part of the program.

use precast_artifacts_format::ArtifactError;

use crate::error::Error;
use crate::sys::embedded;

/// What has been put into this program's file after it was linked: its last segment, if that can only
/// be read. Linkers put no such segment there; `precast compile --emit exe` does. The bytes start on
/// a page, and [`Module::load_embedded`](crate::Module::load_embedded) finds them in the file.
///
/// # Errors
///
/// [`Error::Artifact`] if the file ends before they do, so that reading them would end the process.
///
/// ```
/// let attached = precast_loader::attached_bytes()?;
/// assert!(attached.is_none(), "nobody has put anything into this example");
/// # Ok::<(), precast_loader::Error>(())
/// ```
pub fn attached_bytes() -> Result<Option<&'static [u8]>, Error> {
    let Some(segment) = embedded::last_segment() else {
        return Ok(None);
    };
    if !segment.is_whole() {
        return Err(Error::Artifact(ArtifactError::Damaged {
            section: None,
            offset: segment.file_offset,
            what: "the program's file is shorter than it was",
        }));
    }
    Ok(Some(segment.bytes()))
}

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
