//! Reads what commands on nodes print.
//!
//! All parsers take any text without panicking. They pass over what they do not know: warnings of LVM
//! before and between its answers, fields that came with later versions, fields that are missing.

pub mod gluster_xml;
pub mod lsblk;
pub mod lvm;
pub mod mounts;

/// An answer that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot understand the output of {command}: {why}: {excerpt:?}")]
pub struct ParseError {
    command: &'static str,
    why: String,
    excerpt: String,
}

impl ParseError {
    pub(crate) fn new(command: &'static str, why: impl Into<String>, text: &str) -> Self {
        /// Enough to see what came instead of an answer.
        const EXCERPT: usize = 200;
        let text = text.trim();
        let excerpt = if text.chars().count() > EXCERPT {
            text.chars().take(EXCERPT).chain(std::iter::once('…')).collect()
        } else {
            text.to_owned()
        };
        Self { command, why: why.into(), excerpt }
    }
}

/// The first JSON value in `text`, whatever stands before, between its lines, or after it.
pub(crate) fn json_with_noise<T: serde::de::DeserializeOwned>(
    command: &'static str,
    text: &str,
) -> Result<T, ParseError> {
    let start = text.find('{').unwrap_or(text.len());
    let mut first_error = None;
    let without_noise = |text: &str| -> String {
        let json_like = |line: &&str| line.trim_start().starts_with(['{', '}', '[', ']', '"', ',']);
        text.lines().filter(json_like).flat_map(|line| [line, "\n"]).collect()
    };
    for candidate in [text[start..].to_owned(), without_noise(text)] {
        match serde_json::Deserializer::from_str(&candidate).into_iter::<T>().next() {
            Some(Ok(value)) => return Ok(value),
            Some(Err(error)) => _ = first_error.get_or_insert(error.to_string()),
            None => {}
        }
    }
    Err(ParseError::new(command, first_error.unwrap_or_else(|| "no JSON".into()), text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds one text to all parsers.
    fn feed(text: &str) {
        _ = gluster_xml::status(text);
        _ = gluster_xml::pool_list(text);
        _ = gluster_xml::volumes(text);
        _ = gluster_xml::snapshots(text);
        _ = lsblk::disk(text);
        _ = lsblk::signatures(text);
        _ = lvm::physical_volumes(text);
        _ = lvm::group_size(text, "vg");
        _ = lvm::volumes_and_pools(text);
        _ = lvm::names(text);
        _ = lvm::thin_count(text);
        _ = lvm::links(text, "/dev/sda");
        _ = mounts::mounts(text);
        _ = mounts::fstab(text);
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in ".{0,200}") {
            feed(&text);
        }

        #[test]
        fn no_scrambled_answer_makes_a_parser_panic(
            parts in proptest::collection::vec(prop_oneof![
                Just("<cliOutput>"), Just("</cliOutput>"), Just("<opRet>"), Just("0</opRet>"), Just("<volInfo><volumes>"),
                Just("<volume><name>a"), Just("</name>"), Just("<bricks><brick uuid='x'>h:/p<name>h:/p</name>"),
                Just("&amp;"), Just("&bad;"), Just("<![CDATA["), Just("]]>"), Just("<!--"), Just("\u{e9}"),
                Just("{\"report\":["), Just("{\"pv\":[{\"pv_name\":"), Just("\"/dev/sda\"}]}]}"), Just("]"), Just("}"),
                Just("{\"blockdevices\":[{\"children\":["), Just("\"size\":"), Just("-1"), Just("1e400"), Just("null"),
                Just(":"), Just("\n"), Just("  vg:1:2:3:4:5:6:7:8:9:0:1:4096:9:9:9:9\n"), Just("# "), Just(" on "), Just(" type "),
                Just("\\040"), Just("\\4"), Just("0x0,,,ext4"),
            ], 0..30)
        ) {
            feed(&parts.concat());
        }
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_stack_overflow() {
        feed(&format!("<cliOutput>{}", "<a>".repeat(200_000)));
        feed(&format!("{{\"blockdevices\":{}", "[{\"children\":".repeat(100_000)));
    }
}
