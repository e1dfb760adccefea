//! Reads values in Go's gob encoding.
//!
//! A stream is a row of messages. Each begins with its length and a type number: a negative one describes that type,
//! a positive one is followed by a value of it. Structs name their fields by distance and leave out those that are
//! zero. Everything read is bounded by the bytes there are, nesting by [`MAX_DEPTH`].

mod fields;
mod reader;
mod types;
mod value;

pub(super) use fields::Fields;
pub(super) use value::Value;

use reader::Reader;
use types::Types;

/// How deeply values may be nested; heketi's records need 7.
const MAX_DEPTH: u32 = 32;

/// A stream that is being read.
struct Stream<'a> {
    types: Types<'a>,
    /// The messages that come yet.
    rest: Reader<'a>,
    /// How many interface values surround what is read.
    inside: u32,
}

/// Decodes a stream of exactly one value.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn decode(bytes: &[u8]) -> Result<Value<'_>, String> {
    let mut stream = Stream { types: Types::default(), rest: Reader::new(bytes), inside: 0 };
    loop {
        if stream.rest.is_empty() {
            return Err("the record has no value".into());
        }
        let mut message = stream.rest.part("a message")?;
        let id = message.int("a type")?;
        if id < 0 {
            stream.types.define(id, &mut message)?;
            message.must_be_empty("a type")?;
            continue;
        }
        let value = value::top_level(&mut stream, id, &mut message, 0)?;
        message.must_be_empty("the value")?;
        stream.rest.must_be_empty("the record")?;
        return Ok(value);
    }
}
