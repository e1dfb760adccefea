use std::io;

use memchr::{memchr, memchr3};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

/// Writes `value` as Go writes it: compact, whole floats without a fraction, `<`, `>`, `&`, U+2028 and
/// U+2029 as `\u....`. Without a final newline.
///
/// A value that has no JSON form (a map with composite names; no type of this module) becomes `null`.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> String {
    write(value, CompactFormatter)
}

/// The same, indented by four spaces, as Go's `MarshalIndent` and heketi v10's `db export` write it.
pub fn encode_indented<T: Serialize + ?Sized>(value: &T) -> String {
    write(value, PrettyFormatter::with_indent(b"    "))
}

fn write<T: Serialize + ?Sized>(value: &T, layout: impl Formatter) -> String {
    let mut bytes = Vec::with_capacity(USUAL);
    match value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, GoFormatter(layout))) {
        Ok(()) => String::from_utf8(bytes).map_or_else(|_| "null".to_owned(), escaped),
        Err(_) => "null".to_owned(),
    }
}

/// Outside of its texts, JSON has none of these.
const SPECIAL: [char; 5] = ['<', '>', '&', '\u{2028}', '\u{2029}'];

fn escaped(json: String) -> String {
    // Nearly every text is plain; 0xe2 is the first byte of the two separators.
    let bytes = json.as_bytes();
    if memchr3(b'<', b'>', b'&', bytes).is_none() && memchr(0xe2, bytes).is_none() {
        return json;
    }
    let mut written = String::with_capacity(json.len() + json.len() / 8);
    for c in json.chars() {
        match SPECIAL.contains(&c) {
            true => written.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => written.push(c),
        }
    }
    written
}

/// Most answers are smaller.
const USUAL: usize = 2048;

/// Numbers as Go writes them, in some layout.
struct GoFormatter<F>(F);

macro_rules! laid_out {
    ($($method:ident($($argument:ident: $kind:ty)?);)*) => {
        $(fn $method<W: ?Sized + io::Write>(&mut self, writer: &mut W $(, $argument: $kind)?) -> io::Result<()> {
            self.0.$method(writer $(, $argument)?)
        })*
    };
}

impl<F: Formatter> Formatter for GoFormatter<F> {
    laid_out! {
        begin_array(); end_array(); begin_array_value(first: bool); end_array_value();
        begin_object(); end_object(); begin_object_key(first: bool); begin_object_value(); end_object_value();
    }

    // Rust's Display of a float is the shortest text that reads back the same, and has no fraction when
    // the number is whole: what Go writes.
    fn write_f32<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        write!(writer, "{value}")
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        write!(writer, "{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::{encode, encode_indented};

    #[test]
    fn writes_what_go_writes() {
        assert_eq!(encode(&1.0_f32), "1");
        assert_eq!(encode(&1.2_f32), "1.2");
        assert_eq!(encode(&100.0_f32), "100");
        assert_eq!(encode(&1.5_f64), "1.5");
        assert_eq!(encode("a<b>&c\u{2028}\u{2029}\"\\\n\u{1}é"), r#""a\u003cb\u003e\u0026c\u2028\u2029\"\\\n\u0001é""#);
        assert_eq!(encode("<"), r#""\u003c""#);
        assert_eq!(encode(""), r#""""#);
        assert_eq!(encode_indented(&[("<", 1.0_f32)]), "[\n    [\n        \"\\u003c\",\n        1\n    ]\n]");
    }
}
