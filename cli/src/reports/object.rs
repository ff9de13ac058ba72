//! What can be said of a relocatable object.

use std::fmt;

use precast_artifacts_format::ObjectFile;
use serde::Serialize;

/// An object that `compile --emit obj` has written.
#[derive(Debug, Serialize)]
pub struct ObjectReport<'a> {
    file: &'a str,
    kind: &'static str,
    file_bytes: usize,
    target: String,
    compiler: &'a str,
    code_bytes: u64,
    /// Functions and trampolines.
    functions: usize,
    /// Symbols that it defines for others.
    defined: &'a [&'a str],
    /// Symbols that it wants from others.
    undefined: &'a [&'a str],
}

impl<'a> ObjectReport<'a> {
    /// What is in the object, of which messages say that it is `file`, of so many bytes.
    pub fn new(file: &'a str, file_bytes: usize, object: &'a ObjectFile<'a>) -> Self {
        Self {
            file,
            kind: "object",
            file_bytes,
            target: object.target.to_string(),
            compiler: object.compiler_version,
            code_bytes: object.text_bytes,
            functions: object.functions,
            defined: &object.defined,
            undefined: &object.undefined,
        }
    }
}

impl fmt::Display for ObjectReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: a relocatable object, not an artifact: for the system's linker, {} bytes",
            self.file, self.file_bytes
        )?;
        writeln!(f, "  target        {}", self.target)?;
        writeln!(f, "  compiler      {}", self.compiler.escape_debug())?;
        writeln!(
            f,
            "  code          {} bytes in {} functions and trampolines",
            self.code_bytes, self.functions
        )?;
        for (what, symbols) in [("symbols", self.defined), ("needs", self.undefined)] {
            writeln!(f, "  {what:<13} {}", symbols.len())?;
            for symbol in symbols {
                writeln!(f, "    {}", symbol.escape_debug())?;
            }
        }
        Ok(())
    }
}
