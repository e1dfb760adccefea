//! The records of heketi v10, field by field as its `db export` writes them (core section 8.2 of heketi v10's
//! behaviour). Members that v10 leaves out when empty are left out, lists that v10 writes as `null` when empty are
//! written so, and either is read.

mod block_volumes;
mod nodes;
mod operations;
mod volumes;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use block_volumes::*;
pub use nodes::*;
pub use operations::*;
pub use volumes::*;

/// Reads `null` as the empty value.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Writes an empty list as `null`.
fn null_when_empty<S: Serializer, T: Serialize>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    if list.is_empty() { serializer.serialize_none() } else { list.serialize(serializer) }
}

/// Writes an empty map as `null`.
fn null_when_no_option<S: Serializer>(map: &BTreeMap<String, String>, serializer: S) -> Result<S::Ok, S::Error> {
    if map.is_empty() { serializer.serialize_none() } else { map.serialize(serializer) }
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Structs whose members may be missing; one that is not known is an error, because it would be lost.
macro_rules! records {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field:meta])* $member:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field])* pub $member: $type,)*
        }
    )*};
}
use records;
