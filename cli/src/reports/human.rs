//! Reports as people read them. Names come from the module and may hold anything, so they are
//! quoted or escaped before they reach a terminal.

use std::cmp::Reverse;
use std::fmt;

use super::artifact::Report;

/// How many functions are listed.
const LISTED_FUNCTIONS: usize = 20;

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        self.sections(f)?;
        self.borders(f)?;
        self.storage(f)?;
        self.counts(f)?;
        self.functions(f)
    }
}

impl Report<'_> {
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |words: &[&str]| match words {
            [] => "none".to_owned(),
            words => words.join(" "),
        };
        writeln!(f, "{}: artifact, {} bytes", self.file, self.file_bytes)?;
        if let Some(name) = &self.module_name {
            writeln!(f, "  module        {name:?}")?;
        }
        writeln!(f, "  target        {}", self.target)?;
        writeln!(f, "  CPU features  {}", words(&self.cpu_features))?;
        writeln!(
            f,
            "  versions      format {}, ABI {}, compiler {}",
            self.format_version,
            self.abi_version,
            self.compiler_version.escape_debug()
        )?;
        if self.memory_checked {
            writeln!(f, "  memories      every access checked")?;
        } else {
            let guard = self.memory_guard_bytes;
            writeln!(f, "  memories      guarded, by {guard} bytes after 4 GiB")?;
        }
        if self.fuel {
            writeln!(f, "  fuel          counted")?;
        }
        if self.listeners {
            writeln!(f, "  listeners     told by functions")?;
        }
        writeln!(f, "  pages         {} bytes", self.page_bytes)?;
        if !self.wasm_features.is_empty() {
            let features = self.wasm_features.join(", ");
            writeln!(f, "  uses          {}", features.escape_debug())?;
        }
        match &self.digest_error {
            None => writeln!(f, "  digests       match")?,
            Some(error) => writeln!(f, "  digests       do not match: {error}")?,
        }
        let fits = if self.obstacles.is_empty() {
            "yes"
        } else {
            "no"
        };
        writeln!(f, "  runs here     {fits}")?;
        let mut obstacles = self.obstacles.iter();
        obstacles.try_for_each(|obstacle| writeln!(f, "                {obstacle}"))
    }

    fn sections(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nsections\n      offset       bytes  name")?;
        self.sections.iter().try_for_each(|section| {
            let offset = format!("{:#x}", section.file_offset);
            writeln!(f, "  {offset:>10}  {:>10}  {}", section.bytes, section.name)
        })?;
        if !self.custom_sections.is_empty() {
            writeln!(f, "\ncustom sections of the module\n       bytes  name")?;
        }
        self.custom_sections.iter().try_for_each(|section| {
            let name = section.name.escape_debug();
            writeln!(f, "  {:>10}  {name}", section.bytes)
        })
    }

    fn borders(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.imports.is_empty() {
            writeln!(f, "\nimports")?;
        }
        for import in &self.imports {
            writeln!(f, "  {:?} {:?}: {}", import.module, import.name, import.ty)?;
        }
        if !self.exports.is_empty() {
            writeln!(f, "\nexports")?;
        }
        for export in &self.exports {
            writeln!(f, "  {:?}: {}", export.name, export.ty)?;
        }
        Ok(())
    }

    fn storage(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let upto = |maximum: Option<u64>| match maximum {
            Some(maximum) => format!("up to {maximum}"),
            None => "no maximum".to_owned(),
        };
        if !self.memories.is_empty() || !self.tables.is_empty() {
            writeln!(f, "\nmemories and tables")?;
        }
        for memory in &self.memories {
            let pages = match memory.page_bytes {
                1 => "pages of one byte",
                _ => "pages",
            };
            let addresses = if memory.is_64 {
                "; 64-bit addresses"
            } else {
                ""
            };
            let shared = if memory.is_shared { "; shared" } else { "" };
            writeln!(
                f,
                "  memory {}: {} {pages}, {}{addresses}{shared}; {} bytes of initial contents",
                memory.index,
                memory.minimum_pages,
                upto(memory.maximum_pages),
                memory.image_bytes
            )?;
        }
        for table in &self.tables {
            writeln!(
                f,
                "  table {}: {} {}, {}{}; {}",
                table.index,
                table.minimum,
                table.element,
                upto(table.maximum),
                if table.is_64 { "; 64-bit indices" } else { "" },
                if table.is_constant {
                    "constant"
                } else {
                    "filled when instantiated"
                }
            )?;
        }
        Ok(())
    }

    fn counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(f, "\ncounts")?;
        for (count, what) in [
            (counts.functions, "functions"),
            (counts.types, "function types"),
            (counts.entry_trampolines, "trampolines into the module"),
            (counts.import_trampolines, "trampolines out of it"),
            (self.runtime_symbols.len(), "runtime symbols"),
            (counts.globals, "globals"),
            (counts.tags, "tags"),
            (counts.data_segments, "data segments"),
            (counts.element_segments, "element segments"),
            (counts.trap_sites, "trap sites"),
            (counts.handled_calls, "calls with exception handlers"),
            (counts.address_pairs, "pairs in the address map"),
        ] {
            writeln!(f, "  {count:>8}  {what}")?;
        }
        Ok(())
    }

    fn functions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.functions.is_empty() {
            return Ok(());
        }
        let mut largest: Vec<_> = self.functions.iter().collect();
        largest.sort_by_key(|function| Reverse(function.code_bytes));
        let more = largest.len().saturating_sub(LISTED_FUNCTIONS);
        largest.truncate(LISTED_FUNCTIONS);
        writeln!(
            f,
            "\nfunctions, largest first\n     index     bytes  name and type"
        )?;
        for function in largest {
            let name = function.name.unwrap_or("?").escape_debug();
            writeln!(
                f,
                "  {:>8}  {:>8}  {name} {}",
                function.index, function.code_bytes, function.ty
            )?;
        }
        if more > 0 {
            writeln!(f, "  {more} more, see --json")?;
        }
        Ok(())
    }
}
