//! Pages that show data in a browser: one file each, that asks for nothing else.
//!
//! A page is a template with `@DATA@` in an element of its own, where its script finds the data as
//! JSON. Names in it come from modules and may hold anything: `<` is escaped, so that none ends the
//! element, and the scripts set them as text alone.

use anyhow::Result;
use serde::Serialize;

const DATA: &str = "@DATA@";

/// The page of `template` with `data` in it.
///
/// # Errors
///
/// If the data cannot be written as JSON.
pub fn fill(template: &str, data: &impl Serialize) -> Result<String> {
    // Outside of strings JSON has no `<`, and within it may be escaped.
    let data = serde_json::to_string(data)?.replace('<', "\\u003c");
    Ok(template.replacen(DATA, &data, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_stays_within_its_element() {
        let page = fill("<a>@DATA@</a>@DATA@", &"</a>@DATA@\"").unwrap();
        assert_eq!(page, "<a>\"\\u003c/a>@DATA@\\\"\"</a>@DATA@");
    }
}
