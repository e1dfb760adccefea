//! Pending operations, and attributes of the database.

use super::super::gob::{Fields, Value};
use super::super::{ActionEntry, AttributeEntry, OperationEntry, PendingMark};
use super::{Decoded, read};

pub(super) fn attribute(fields: Fields<'_>) -> Decoded<AttributeEntry> {
    Ok(read!(fields, AttributeEntry { key: text("Key"), value: text("Value") }))
}

pub(super) fn operation(mut fields: Fields<'_>) -> Decoded<OperationEntry> {
    let mut operation = fields.inner("PendingOperation")?;
    let id = read!(operation.inner("PendingItem")?, PendingMark { id: text("Id") }).id;
    let actions = operation.list("Actions")?.into_iter().map(action).collect::<Decoded<_>>()?;
    let read = read!(
        operation,
        OperationEntry {
            timestamp: int("Timestamp"),
            kind: int("Type"),
            ..OperationEntry { id, actions, ..OperationEntry::default() }
        }
    );
    Ok(read!(fields, OperationEntry { status: text("Status"), ..read }))
}

fn action(mut fields: Fields<'_>) -> Decoded<ActionEntry> {
    let delta = match fields.any("Delta")? {
        None => None,
        Some((_, Value::Int(number))) => Some(number),
        // What v10 imported from JSON comes back as floating point.
        Some((_, Value::Float(number))) if number.fract() == 0.0 && number.abs() < 2f64.powi(53) => Some(number as i64),
        Some((name, _)) => return Err(format!("the delta of an action is a {name}, not a number of GiB")),
    };
    Ok(read!(
        fields,
        ActionEntry { change: int("Change"), id: text("Id"), ..ActionEntry { delta, ..ActionEntry::default() } }
    ))
}
