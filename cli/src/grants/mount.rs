//! `--dir`: which directory a guest gets, under which name, and whether it may change it.

/// What is to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) host_path: String,
    pub(super) guest_path: String,
    pub(super) read_only: bool,
}

/// Parses `HOST[::GUEST][:ro|:rw]`.
///
/// Either name may hold colons, so read from the end: first `:ro` or `:rw`, if no other colon stands
/// before it (`a::ro` is the guest's name `ro`), then the last `::`. So every HOST can be written,
/// since names for the guest can be chosen: a directory `x:ro` is `x:ro:rw`, and `a::b` is
/// `a::b::GUEST`.
///
/// # Errors
///
/// If a name is empty.
pub(super) fn parse(text: &str) -> Result<Mount, String> {
    let (names, read_only) = match text.rsplit_once(':') {
        Some((names, "ro")) if !names.ends_with(':') => (names, true),
        Some((names, "rw")) if !names.ends_with(':') => (names, false),
        _ => (text, false),
    };
    let (host_path, guest_path) = names.rsplit_once("::").unwrap_or((names, names));
    if host_path.is_empty() || guest_path.is_empty() {
        return Err("a directory without a name".into());
    }
    Ok(Mount {
        host_path: host_path.into(),
        guest_path: guest_path.into(),
        read_only,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, host_path: &str, guest_path: &str, read_only: bool) {
        let expected = Mount {
            host_path: host_path.into(),
            guest_path: guest_path.into(),
            read_only,
        };
        assert_eq!(parse(text), Ok(expected), "{text}");
    }

    #[test]
    fn a_directory_keeps_its_name_unless_it_gets_another() {
        check(".", ".", ".", false);
        check("data::/in", "data", "/in", false);
        check("/srv/a:b", "/srv/a:b", "/srv/a:b", false);
        for wrong in ["", "::", "a::", "::b", ":ro", ":rw", "::b:ro"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_directory_can_be_changed_unless_it_says_otherwise() {
        check("a:ro", "a", "a", true);
        check("a:rw", "a", "a", false);
        check("a::b:ro", "a", "b", true);
        check("a::b:rw", "a", "b", false);
        check("a::/:ro", "a", "/", true);
    }

    #[test]
    fn every_name_of_a_directory_can_be_written() {
        check("x:ro:rw", "x:ro", "x:ro", false);
        check("x:ro:ro", "x:ro", "x:ro", true);
        check("x:ro::x", "x:ro", "x", false);
        check("a::b::c", "a::b", "c", false);
        check("a:::c", "a:", "c", false);
        check("::::c", "::", "c", false);
    }

    #[test]
    fn every_name_for_a_guest_can_be_written_but_for_double_colons() {
        check("a::ro", "a", "ro", false);
        check("a::ro:ro", "a", "ro", true);
        check("a::b:ro:rw", "a", "b:ro", false);
        check("a::C:b", "a", "C:b", false);
    }
}
