//! Splits a line into words as a POSIX shell would, and refuses everything a shell would do beyond that.

/// The words of `line`.
///
/// # Errors
/// Why a node's shell would do something else than start one program with these words: an operator, an
/// expansion, a redirection, a comment, a glob, or a quote that does not end.
pub(super) fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut in_word = false;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => {
                if in_word {
                    words.push(std::mem::take(&mut word));
                    in_word = false;
                }
                continue;
            }
            '\'' => loop {
                match chars.next() {
                    Some('\'') => break,
                    Some(c) => word.push(c),
                    None => return Err("a single quote does not end".into()),
                }
            },
            '"' => double_quoted(&mut chars, &mut word)?,
            '\\' => match chars.next() {
                Some('\n') | None => return Err("a backslash ends the line".into()),
                Some(c) => word.push(c),
            },
            ';' | '&' | '|' | '<' | '>' | '(' | ')' | '$' | '`' | '*' | '?' | '[' | '\n' | '!' => {
                return Err(format!("{c:?} stands outside of quotes"));
            }
            '#' | '~' if !in_word => return Err(format!("a word begins with {c:?}")),
            '{' | '}' if !in_word => return Err(format!("a word begins with {c:?}")),
            c => word.push(c),
        }
        in_word = true;
    }
    if in_word {
        words.push(word);
    }
    if words.is_empty() {
        return Err("the line is empty".into());
    }
    Ok(words)
}

fn double_quoted(chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), String> {
    loop {
        match chars.next() {
            Some('"') => return Ok(()),
            Some('\\') => match chars.next() {
                Some(c @ ('$' | '`' | '"' | '\\')) => word.push(c),
                Some('\n') => {}
                Some(c) => word.extend(['\\', c]),
                None => return Err("a double quote does not end".into()),
            },
            Some(c @ ('$' | '`')) => return Err(format!("{c:?} inside double quotes is expanded")),
            Some(c) => word.push(c),
            None => return Err("a double quote does not end".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn splits_like_a_shell() {
        for (line, words) in [
            ("mkdir -p /a", vec!["mkdir", "-p", "/a"]),
            ("a  b\t'c d'", vec!["a", "b", "c d"]),
            (r"'it'\''s'", vec!["it's"]),
            (r#""a \"b\" \x \$c""#, vec![r#"a "b" \x $c"#]),
            ("'' b", vec!["", "b"]),
            ("a=b#c trailing ", vec!["a=b#c", "trailing"]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
    }

    #[test]
    fn refuses_what_a_shell_would_act_on() {
        for line in [
            "a; b",
            "a && b",
            "a | b",
            "a > b",
            "a $b",
            "a `b`",
            "echo \"$b\"",
            "ls *",
            "'a",
            "\"a",
            "a \\",
            "",
            "  ",
            "# a",
            "rm ~",
            "a\nb",
            "{ a",
            "(a)",
        ] {
            assert!(split(line).is_err(), "{line:?}");
        }
    }
}
