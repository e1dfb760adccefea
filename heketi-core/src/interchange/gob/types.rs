//! Types that a stream describes before it uses them.

use std::collections::BTreeMap;

use super::reader::Reader;

/// Types there are without description.
pub(super) mod basic {
    pub const BOOL: i64 = 1;
    pub const INT: i64 = 2;
    pub const UINT: i64 = 3;
    pub const FLOAT: i64 = 4;
    pub const BYTES: i64 = 5;
    pub const STRING: i64 = 6;
    pub const COMPLEX: i64 = 7;
    pub const INTERFACE: i64 = 8;
}

/// The first number that a stream may describe.
const FIRST_OWN: i64 = 64;

/// A described type.
#[derive(Clone, Debug)]
pub(super) enum Type<'a> {
    Array {
        element: i64,
        length: u64,
    },
    Slice {
        element: i64,
    },
    Struct(Vec<(&'a str, i64)>),
    Map {
        key: i64,
        element: i64,
    },
    /// A type with an encoding of its own: opaque bytes.
    Opaque,
}

/// The types of a stream.
#[derive(Default)]
pub(super) struct Types<'a>(BTreeMap<i64, std::rc::Rc<Type<'a>>>);

/// The kinds of types, in the order of the fields that describe them.
#[derive(Clone, Copy)]
enum Kind {
    Array,
    Slice,
    Struct,
    Map,
    Opaque,
}

impl<'a> Types<'a> {
    pub fn get(&self, id: i64) -> Option<std::rc::Rc<Type<'a>>> {
        self.0.get(&id).cloned()
    }

    /// Reads the description of the type with number `-id`.
    pub fn define(&mut self, id: i64, reader: &mut Reader<'a>) -> Result<(), String> {
        let id = id.checked_neg().filter(|id| *id >= FIRST_OWN).ok_or("a description of a type that needs none")?;
        let kind = match reader.uint("a type")? {
            1 => Kind::Array,
            2 => Kind::Slice,
            3 => Kind::Struct,
            4 => Kind::Map,
            5..=7 => Kind::Opaque,
            other => return Err(format!("a type of unknown kind {other}")),
        };
        let read = describe(kind, reader)?;
        end(reader)?;
        match self.0.insert(id, std::rc::Rc::new(read)) {
            None => Ok(()),
            Some(_) => Err(format!("type {id} is described twice")),
        }
    }
}

/// Ends a struct.
fn end(reader: &mut Reader<'_>) -> Result<(), String> {
    match reader.uint("a type")? {
        0 => Ok(()),
        more => Err(format!("an unknown part {more} in the description of a type")),
    }
}

/// The fields of a descriptor: number 0 is name and number of the type, the others are read by `field`.
fn fields<'a>(
    reader: &mut Reader<'a>,
    mut field: impl FnMut(u64, &mut Reader<'a>) -> Result<(), String>,
) -> Result<(), String> {
    let mut at: u64 = 0;
    loop {
        let delta = reader.uint("a type")?;
        if delta == 0 {
            return Ok(());
        }
        at = at.checked_add(delta).ok_or("a field number that is too large")?;
        field(at - 1, reader)?;
    }
}

/// Name and number of a type; neither is needed.
fn common(reader: &mut Reader<'_>) -> Result<(), String> {
    fields(reader, |at, reader| match at {
        0 => reader.text("the name of a type").map(drop),
        1 => reader.int("the number of a type").map(drop),
        _ => Err("an unknown part in the name of a type".into()),
    })
}

fn describe<'a>(kind: Kind, reader: &mut Reader<'a>) -> Result<Type<'a>, String> {
    let (mut first, mut second, mut members) = (0, 0, Vec::new());
    fields(reader, |at, reader| match (kind, at) {
        (_, 0) => common(reader),
        (Kind::Struct, 1) => {
            for _ in 0..reader.count("the fields of a type")? {
                members.push(member(reader)?);
            }
            Ok(())
        }
        (Kind::Array | Kind::Slice | Kind::Map, 1) => reader.int("a type").map(|it| first = it),
        (Kind::Array | Kind::Map, 2) => reader.int("a type").map(|it| second = it),
        _ => Err(format!("an unknown part {at} in the description of a type")),
    })?;
    Ok(match kind {
        Kind::Array => {
            let length = u64::try_from(second).map_err(|_| "an array of negative length")?;
            Type::Array { element: first, length }
        }
        Kind::Slice => Type::Slice { element: first },
        Kind::Struct => Type::Struct(members),
        Kind::Map => Type::Map { key: first, element: second },
        Kind::Opaque => Type::Opaque,
    })
}

fn member<'a>(reader: &mut Reader<'a>) -> Result<(&'a str, i64), String> {
    let mut member = ("", 0);
    fields(reader, |at, reader| match at {
        0 => reader.text("the name of a field").map(|it| member.0 = it),
        1 => reader.int("the type of a field").map(|it| member.1 = it),
        _ => Err("an unknown part in the description of a field".into()),
    })?;
    Ok(member)
}
