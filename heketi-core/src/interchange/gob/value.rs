//! Values.

use super::MAX_DEPTH;
use super::Stream;
use super::reader::Reader;
use super::types::{Type, basic};

/// A decoded value. Pointers are what they point to.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Value<'a> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Complex(f64, f64),
    /// Bytes, or a value with an encoding of its own.
    Bytes(&'a [u8]),
    Text(&'a str),
    /// A slice or an array.
    List(Vec<Value<'a>>),
    Map(Vec<(Value<'a>, Value<'a>)>),
    /// The fields that are not zero.
    Struct(Vec<(&'a str, Value<'a>)>),
    /// A value of any type with the name of that; none for Go's `nil`.
    Interface(Option<(&'a str, Box<Value<'a>>)>),
}

/// A value that stands alone: one that is no struct is told apart by a zero.
pub(super) fn top_level<'a>(
    stream: &mut Stream<'a>,
    id: i64,
    reader: &mut Reader<'a>,
    depth: u32,
) -> Result<Value<'a>, String> {
    let is_struct = stream.types.get(id).is_some_and(|it| matches!(*it, Type::Struct(_)));
    if !is_struct && reader.uint("a value")? != 0 {
        return Err("a value that is no struct has fields".into());
    }
    value(stream, id, reader, depth)
}

fn value<'a>(stream: &mut Stream<'a>, id: i64, reader: &mut Reader<'a>, depth: u32) -> Result<Value<'a>, String> {
    if depth > MAX_DEPTH {
        return Err("values are nested too deeply".into());
    }
    Ok(match id {
        basic::BOOL => match reader.uint("a truth value")? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            other => return Err(format!("a truth value of {other}")),
        },
        basic::INT => Value::Int(reader.int("a number")?),
        basic::UINT => Value::Uint(reader.uint("a number")?),
        basic::FLOAT => Value::Float(reader.float("a number")?),
        basic::COMPLEX => Value::Complex(reader.float("a number")?, reader.float("a number")?),
        basic::BYTES => Value::Bytes(reader.bytes("bytes")?),
        basic::STRING => Value::Text(reader.text("a text")?),
        basic::INTERFACE => interface(stream, reader, depth)?,
        _ => {
            let described =
                stream.types.get(id).ok_or_else(|| format!("a value of type {id}, which is not described"))?;
            composed(stream, &described, reader, depth)?
        }
    })
}

fn composed<'a>(
    stream: &mut Stream<'a>,
    described: &Type<'a>,
    reader: &mut Reader<'a>,
    depth: u32,
) -> Result<Value<'a>, String> {
    match *described {
        Type::Opaque => reader.bytes("a value").map(Value::Bytes),
        Type::Slice { element } => list(stream, element, reader, depth).map(Value::List),
        Type::Array { element, length } => {
            let elements = list(stream, element, reader, depth)?;
            match elements.len() as u64 == length {
                true => Ok(Value::List(elements)),
                false => Err(format!("{} elements in an array of {length}", elements.len())),
            }
        }
        Type::Map { key, element } => {
            let count = reader.count("a map")?;
            let mut entries = Vec::new();
            for _ in 0..count {
                let key = value(stream, key, reader, depth + 1)?;
                entries.push((key, value(stream, element, reader, depth + 1)?));
            }
            Ok(Value::Map(entries))
        }
        Type::Struct(ref members) => {
            let (mut fields, mut next) = (Vec::new(), 0usize);
            loop {
                let delta = reader.uint("a struct")?;
                if delta == 0 {
                    return Ok(Value::Struct(fields));
                }
                let at = usize::try_from(delta - 1).ok().and_then(|skip| next.checked_add(skip));
                let member = at.and_then(|at| members.get(at).map(|member| (at, *member)));
                let (at, (name, id)) = member.ok_or("a field that its struct does not have")?;
                fields.push((name, value(stream, id, reader, depth + 1)?));
                next = at + 1;
            }
        }
    }
}

fn list<'a>(
    stream: &mut Stream<'a>,
    element: i64,
    reader: &mut Reader<'a>,
    depth: u32,
) -> Result<Vec<Value<'a>>, String> {
    let count = reader.count("a list")?;
    let mut elements = Vec::new();
    for _ in 0..count {
        elements.push(value(stream, element, reader, depth + 1)?);
    }
    Ok(elements)
}

/// A value whose type is told by name. The type may be described first; then the message ends after that, and the
/// value goes on in the next one. Inside of an interface value there are no messages, and a length stands instead.
fn interface<'a>(stream: &mut Stream<'a>, reader: &mut Reader<'a>, depth: u32) -> Result<Value<'a>, String> {
    let name = reader.text("the name of a type")?;
    if name.is_empty() {
        return Ok(Value::Interface(None));
    }
    let id = loop {
        let id = reader.int("a type")?;
        if id >= 0 {
            break id;
        }
        stream.types.define(id, reader)?;
        if !reader.is_empty() {
            reader.uint("a message")?;
        } else if stream.inside == 0 {
            *reader = stream.rest.part("a message")?;
        }
    };
    let mut inner = reader.part("an interface value")?;
    stream.inside += 1;
    let value = top_level(stream, id, &mut inner, depth + 1)?;
    stream.inside -= 1;
    inner.must_be_empty("an interface value")?;
    Ok(Value::Interface(Some((name, Box::new(value)))))
}
