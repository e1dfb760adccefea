//! Typed ids: 16 bytes, written as 32 lowercase hexadecimal digits, as heketi v10 writes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Where new ids come from. The embedder's source is random; tests use a counter or a seeded one.
pub trait IdSource {
    /// 16 bytes that were never returned before.
    fn next_bytes(&mut self) -> [u8; 16];
}

/// Ids that follow from a seed: the same seed gives the same ids. For tests, dry runs and simulations.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeededIds {
    state: u64,
}

impl SeededIds {
    /// The sequence of ids that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn next_word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }
}

impl IdSource for SeededIds {
    fn next_bytes(&mut self) -> [u8; 16] {
        let (high, low) = (self.next_word(), self.next_word());
        ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
    }
}

/// Spreads the bits of `word` (the finaliser of SplitMix64). Used where a stable, well-mixed order is needed.
pub(crate) fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// The text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not an id of 32 lowercase hexadecimal digits")]
pub struct ParseIdError(String);

fn parse(text: &str) -> Result<[u8; 16], ParseIdError> {
    let refused = || ParseIdError(text.to_owned());
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(refused()),
    };
    let digits: &[u8; 32] = text.as_bytes().try_into().map_err(|_| refused())?;
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        if let [high, low] = pair {
            *byte = (digit(*high)? << 4) | digit(*low)?;
        }
    }
    Ok(bytes)
}

/// Reads an id from text, wherever that lies.
struct Text;

impl de::Visitor<'_> for Text {
    type Value = [u8; 16];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        parse(text).map_err(E::custom)
    }
}

/// The bytes in lower-case hexadecimal. An answer has dozens of ids: the formatter of numbers is too slow for that.
fn digits(bytes: &[u8; 16]) -> [u8; 32] {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + (value - 10) };
    let mut digits = [0; 32];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            (*high, *low) = (digit(byte >> 4), digit(byte & 15));
        }
    }
    digits
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; 16]);

        // Byte by byte, which as numbers is quicker: maps compare ids all the time.
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                u128::from_be_bytes(self.0).cmp(&u128::from_be_bytes(other.0))
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            /// The id with these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// A new id from `source`.
            pub fn new(source: &mut dyn IdSource) -> Self {
                Self(source.next_bytes())
            }

            /// The 16 bytes.
            pub const fn bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// A well-mixed number that depends on the id and `seed` alone.
            pub fn stable_hash(&self, seed: u64) -> u64 {
                let word = u128::from_be_bytes(self.0);
                crate::id::mix(((word >> 64) as u64) ^ (word as u64).rotate_left(32) ^ seed)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(std::str::from_utf8(&digits(&self.0)).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse(text).map(Self)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
            }

            fn inline_schema() -> bool {
                true
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(std::str::from_utf8(&digits(&self.0)).unwrap_or_default())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text).map(Self)
            }
        }
    };
}

id_type!(
    /// Names a cluster.
    ClusterId
);
id_type!(
    /// Names a node.
    NodeId
);
id_type!(
    /// Names a device; its volume group is `vg_<device id>`.
    DeviceId
);
id_type!(
    /// Names a brick; its logical volume is `brick_<brick id>`.
    BrickId
);
id_type!(
    /// Names a volume; its default name is `vol_<volume id>`.
    VolumeId
);
id_type!(
    /// Names a block volume; its default name is `blockvol_<block volume id>`.
    BlockVolumeId
);
id_type!(
    /// Names a pending operation.
    OperationId
);
id_type!(
    /// Names an entry of the job queue (`/queue/<id>`); unrelated to the operation's id.
    QueueId
);

id_type!(
    /// Names the host key of an SSH server: follows from the server's name and port.
    HostKeyId
);

id_type!(
    /// Names a request by its `Idempotency-Key` and what that is scoped to.
    RequestKeyId
);

id_type!(
    /// Names what heketi v10 had recorded of an object: has the bytes of the object's id; zeros for the database.
    OriginId
);

impl HostKeyId {
    /// The id of the host key of `host`, as a `known_hosts` file spells it (`node1`, `[node1]:2222`).
    pub fn of(host: &str) -> Self {
        let word = |seed| host.bytes().fold(seed, |word, byte| mix(word ^ u64::from(byte)));
        let (high, low) = (word(0x6865_6b65_7469), word(0x7373_686b_6579));
        Self(((u128::from(high) << 64) | u128::from(low)).to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_lowercase_hex_of_32_digits() {
        let id = NodeId::from_bytes([0x0a; 16]);
        assert_eq!(id.to_string(), "0a".repeat(16));
        assert_eq!("0a".repeat(16).parse::<NodeId>(), Ok(id));
        for bad in ["", "0a", &"0A".repeat(16), &"zz".repeat(16), &"0a".repeat(17), &format!("+{}", "0".repeat(31))] {
            assert!(bad.parse::<NodeId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn seeded_ids_repeat() {
        let draw = |seed| NodeId::new(&mut SeededIds::new(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
