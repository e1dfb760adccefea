//! Quotes arguments for a POSIX shell. Nothing else in this crate does.

use std::borrow::Cow;

/// May this character stand unquoted anywhere in a word? Everything with a meaning to a shell is left out;
/// `~` too, because a leading one is expanded.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c)
}

/// One argument; plain words stay as they are, so lines look like those of heketi v10.
pub fn word(text: &str) -> Cow<'_, str> {
    if !text.is_empty() && text.chars().all(is_plain) { Cow::Borrowed(text) } else { Cow::Owned(single(text)) }
}

/// One argument in single quotes, needed or not.
pub fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// One argument in double quotes, for lines that fault-injection patterns know in that form.
pub fn double(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// The text as a string literal of awk.
pub fn awk_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', r#"\""#))
}

/// The text as a basic regular expression of sed that matches just it, between slashes.
pub fn sed_literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if r"/\.*[]^$".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// What a shell makes of the text as its only argument.
    fn through_shell(quoted: &str) -> String {
        let output = Command::new("/bin/sh").args(["-c", &format!("printf %s {quoted}")]).output().unwrap();
        assert!(output.status.success(), "{quoted}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn plain_words_stay_unquoted() {
        for plain in ["/dev/sdb", "vg_0a/tp_1b", "host-1:/a/b", "rw,inode64", "--x=y", "+%"] {
            assert_eq!(word(plain), plain);
        }
        for (text, quoted) in [("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("~", "'~'"), ("a;b", "'a;b'")] {
            assert_eq!(word(text), quoted);
        }
        assert_eq!(double(r#"a"$b\c`"#), r#""a\"\$b\\c\`""#);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_shell_reads_back_what_was_quoted(text in "[^\0]{0,40}") {
            prop_assert_eq!(&through_shell(&word(&text)), &text);
            prop_assert_eq!(&through_shell(&single(&text)), &text);
            prop_assert_eq!(&through_shell(&double(&text)), &text);
        }

        #[test]
        fn sed_deletes_only_the_literal_line(text in "[ -~]{1,20}", other in "[ -~]{1,20}") {
            let script = format!("/^{}$/d", sed_literal(&text));
            let input = format!("{text}\n{other}\n");
            let line = format!("printf %s {} | sed {}", single(&input), single(&script));
            let output = Command::new("/bin/sh").args(["-c", &line]).output().unwrap();
            prop_assert!(output.status.success(), "{line}");
            let left = if text == other { String::new() } else { format!("{other}\n") };
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), left);
        }

        #[test]
        fn awk_prints_what_was_quoted(text in "[ -~]{0,30}") {
            let program = format!("BEGIN {{printf \"%s\", {}}}", awk_string(&text));
            let line = format!("awk {}", double(&program));
            let output = Command::new("/bin/sh").args(["-c", &line]).output().unwrap();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }
}
