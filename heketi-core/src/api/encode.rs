use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;

/// Writes `value` as Go writes it: compact, whole floats without a fraction, `<`, `>`, `&`, U+2028 and
/// U+2029 as `\u....`. Without a final newline.
///
/// A value that has no JSON form (a map with composite names; no type of this module) becomes `null`.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, GoFormatter);
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8(bytes).unwrap_or_else(|_| "null".to_owned()),
        Err(_) => "null".to_owned(),
    }
}

struct GoFormatter;

impl Formatter for GoFormatter {
    // Rust's Display of a float is the shortest text that reads back the same, and has no fraction when
    // the number is whole: what Go writes.
    fn write_f32<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        write!(writer, "{value}")
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        write!(writer, "{value}")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let special = |c: char| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        for part in fragment.split_inclusive(special) {
            match part.char_indices().next_back() {
                Some((start, last)) if special(last) => {
                    let plain = part.get(..start).unwrap_or_default();
                    write!(writer, "{plain}\\u{:04x}", u32::from(last))?;
                }
                _ => writer.write_all(part.as_bytes())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn writes_what_go_writes() {
        assert_eq!(encode(&1.0_f32), "1");
        assert_eq!(encode(&1.2_f32), "1.2");
        assert_eq!(encode(&100.0_f32), "100");
        assert_eq!(encode(&1.5_f64), "1.5");
        assert_eq!(encode("a<b>&c\u{2028}\u{2029}\"\\\n\u{1}é"), r#""a\u003cb\u003e\u0026c\u2028\u2029\"\\\n\u0001é""#);
        assert_eq!(encode("<"), r#""\u003c""#);
        assert_eq!(encode(""), r#""""#);
    }
}
