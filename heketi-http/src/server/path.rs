use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What Go escapes in the path of a URL.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b']')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The path without its percent escapes; `None` when they are broken.
pub(super) fn decode(path: &str) -> Option<String> {
    let good = path.split('%').skip(1).all(|part| {
        let digits = part.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let text = percent_decode_str(path).decode_utf8().ok()?;
    good.then(|| text.into_owned())
}

/// The path as it goes into a `Location` header.
pub(super) fn encode(path: &str) -> String {
    utf8_percent_encode(path, ESCAPED).to_string()
}

/// The path without `//`, `.` and `..`; one final slash stays.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    let slash = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    format!("/{}{slash}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_go_cleans_them() {
        for (path, cleaned) in [
            ("/clusters", "/clusters"),
            ("//clusters", "/clusters"),
            ("/a/../clusters", "/clusters"),
            ("/./clusters/", "/clusters/"),
            ("/../..", "/"),
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("*", "/*"),
            ("/a//b//", "/a/b/"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }

    #[test]
    fn escapes_are_resolved() {
        for (path, decoded) in [
            ("/a%2Fb", Some("/a/b")),
            ("/%zz", None),
            ("/%4", None),
            ("/%", None),
            ("/%ff", None),
            ("/%C3%A9", Some("/é")),
        ] {
            assert_eq!(decode(path).as_deref(), decoded, "{path}");
        }
        assert_eq!(encode("/a b\r\n%é"), "/a%20b%0D%0A%25%C3%A9");
    }
}
