//! A function of the source, and where in it the guest was.

use std::fmt;

/// A function of the guest's source in a [`Frame`](crate::Frame), and where in it the guest was.
///
/// ```
/// # let error = example::trap();
/// let frame = &error.backtrace().unwrap().frames()[0];
/// for symbol in frame.symbols() {
///     println!("{symbol}"); // at src/list.rs:10:5 in sum (inlined)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameSymbol {
    pub(crate) name: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
    pub(crate) column: Option<u32>,
    pub(crate) is_inlined: bool,
}

impl FrameSymbol {
    /// The function's name: with its path for Rust, as it is declared for other languages.
    ///
    /// ```
    /// # for symbol in example::trap().backtrace().unwrap().frames()[0].symbols() {
    /// println!("in {}", symbol.name().unwrap_or("?"));
    /// # }
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The path of the source file on the machine where the guest was compiled, as its compiler
    /// has written it.
    ///
    /// ```
    /// # for symbol in example::trap().backtrace().unwrap().frames()[0].symbols() {
    /// println!("in {}", symbol.file().unwrap_or("?"));
    /// # }
    /// ```
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The line in the file, from 1.
    ///
    /// ```
    /// # for symbol in example::trap().backtrace().unwrap().frames()[0].symbols() {
    /// println!("line {}", symbol.line().unwrap_or(0));
    /// # }
    /// ```
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// The column in the line, from 1; in bytes, usually.
    ///
    /// ```
    /// # for symbol in example::trap().backtrace().unwrap().frames()[0].symbols() {
    /// println!("column {}", symbol.column().unwrap_or(0));
    /// # }
    /// ```
    pub fn column(&self) -> Option<u32> {
        self.column
    }

    /// Whether the guest's compiler has put this function into the next one of the frame.
    ///
    /// ```
    /// # for symbol in example::trap().backtrace().unwrap().frames()[0].symbols() {
    /// println!("{}", if symbol.is_inlined() { "inlined" } else { "called" });
    /// # }
    /// ```
    pub fn is_inlined(&self) -> bool {
        self.is_inlined
    }
}

impl fmt::Display for FrameSymbol {
    /// Writes `at FILE:LINE:COLUMN`, as far as it is known, and `in NAME (inlined)` if it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().unwrap_or("<unknown>");
        write!(f, "at {}", Printable(file))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        if self.is_inlined {
            let name = self.name.as_deref().unwrap_or("<unknown>");
            write!(f, " in {} (inlined)", Printable(name))?;
        }
        Ok(())
    }
}

/// A text from a module, without what could end the line or control a terminal.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(char::is_control) {
            match part.chars().next_back().filter(|c| c.is_control()) {
                Some(control) => {
                    let rest = part.len() - control.len_utf8();
                    f.write_str(part.get(..rest).unwrap_or_default())?;
                    write!(f, "{}", control.escape_default())?;
                }
                None => f.write_str(part)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(place: (Option<&str>, Option<u32>, Option<u32>), inlined: bool) -> String {
        let symbol = FrameSymbol {
            name: Some("sum".to_owned()),
            file: place.0.map(str::to_owned),
            line: place.1,
            column: place.2,
            is_inlined: inlined,
        };
        symbol.to_string()
    }

    #[test]
    fn a_symbol_says_as_much_as_it_knows() {
        let file = Some("a.c");
        assert_eq!(symbol((file, Some(3), Some(7)), false), "at a.c:3:7");
        assert_eq!(symbol((file, Some(3), None), false), "at a.c:3");
        assert_eq!(symbol((file, None, Some(7)), false), "at a.c");
        let inlined = symbol((file, Some(3), Some(7)), true);
        assert_eq!(inlined, "at a.c:3:7 in sum (inlined)");
        let nowhere = symbol((None, None, None), true);
        assert_eq!(nowhere, "at <unknown> in sum (inlined)");
    }

    #[test]
    fn texts_of_a_module_stay_in_their_line() {
        let shown = |text: &str| Printable(text).to_string();
        assert_eq!(shown("a::b ü"), "a::b ü");
        assert_eq!(shown("\na\x1b[31m\u{85}b"), "\\na\\u{1b}[31m\\u{85}b");
        assert_eq!(shown(""), "");
    }
}
