//! Reading JSON as Go's decoder reads it, because heketi v10's clients rely on its leniency: member names
//! match in any case, the last of duplicates wins, `null` counts as absent, unknown members are ignored.
//! Wrong types stay errors.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

/// The bytes are not the JSON that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(String);

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        if error.is_eof() { Self("unexpected end of JSON input".into()) } else { Self(error.to_string()) }
    }
}

/// Reads a body that must be exactly one JSON value.
///
/// # Errors
/// [`DecodeError`] when the bytes are not one JSON value, or a member has the wrong type.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    // Go replaces broken UTF-8 instead of refusing it.
    let text = String::from_utf8_lossy(bytes);
    let value: Json = serde_json::from_str(&text)?;
    T::deserialize(Lenient(&value))
}

/// Reads the first JSON value and ignores what follows, as heketi v10 reads its files.
///
/// # Errors
/// As [`decode`].
pub fn decode_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let text = String::from_utf8_lossy(bytes);
    let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Json>();
    let value = values.next().ok_or_else(|| DecodeError("unexpected end of JSON input".into()))??;
    T::deserialize(Lenient(&value))
}

/// A JSON value whose objects keep the order and the duplicates of the text.
enum Json {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Json;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Unsigned(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Signed(value))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
                Ok(Json::Float(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json::Text(value.to_owned()))
            }
            fn visit_string<E>(self, value: String) -> Result<Json, E> {
                Ok(Json::Text(value))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut array = Vec::new();
                while let Some(item) = items.next_element()? {
                    array.push(item);
                }
                Ok(Json::Array(array))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
                let mut object = Vec::new();
                while let Some(member) = members.next_entry()? {
                    object.push(member);
                }
                Ok(Json::Object(object))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// A deserializer over [`Json`] with Go's rules.
#[derive(Clone, Copy)]
struct Lenient<'a>(&'a Json);

/// A scalar that may be `null`: Go leaves the zero value then.
macro_rules! scalar_or_zero {
    ($($method:ident $visit:ident $zero:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            match self.0 {
                Json::Null => visitor.$visit($zero),
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Lenient<'_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.0 {
            Json::Null => visitor.visit_unit(),
            Json::Bool(value) => visitor.visit_bool(*value),
            Json::Unsigned(value) => visitor.visit_u64(*value),
            Json::Signed(value) => visitor.visit_i64(*value),
            Json::Float(value) => visitor.visit_f64(*value),
            Json::Text(value) => visitor.visit_str(value),
            Json::Array(items) => visitor.visit_seq(Items(items.iter())),
            Json::Object(members) => visitor.visit_map(Members::all(members)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.0 {
            Json::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.0 {
            Json::Text(value) => visitor.visit_enum(value.as_str().into_deserializer()),
            _ => Err(de::Error::custom("expected a word")),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.0 {
            Json::Null => visitor.visit_seq(Items([].iter())),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.0 {
            Json::Null => visitor.visit_map(Members::all(&[])),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.0 {
            Json::Null => visitor.visit_f32(0.0),
            // The visitor would make infinity of a number that is too large.
            Json::Float(value) if value.abs() > f64::from(f32::MAX) => {
                Err(de::Error::custom("the number is too large"))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.0 {
            Json::Null => visitor.visit_map(Members::all(&[])),
            Json::Object(members) => visitor.visit_map(Members::of_struct(members, fields)),
            // A derived visitor would also take an array, by position.
            Json::Array(_) => Err(de::Error::custom("expected an object, found an array")),
            _ => self.deserialize_any(visitor),
        }
    }

    scalar_or_zero! {
        deserialize_bool visit_bool false;
        deserialize_i8 visit_i64 0; deserialize_i16 visit_i64 0; deserialize_i32 visit_i64 0; deserialize_i64 visit_i64 0;
        deserialize_u8 visit_u64 0; deserialize_u16 visit_u64 0; deserialize_u32 visit_u64 0; deserialize_u64 visit_u64 0;
        deserialize_f64 visit_f64 0.0;
        deserialize_str visit_str ""; deserialize_string visit_str "";
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

struct Items<'a>(std::slice::Iter<'a, Json>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = DecodeError;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        self.0.next().map(|item| seed.deserialize(Lenient(item))).transpose()
    }
}

struct Members<'a> {
    rest: std::vec::IntoIter<(&'a str, &'a Json)>,
    value: Option<&'a Json>,
}

impl<'a> Members<'a> {
    /// Every member under its own name; a map visitor keeps the last of duplicates.
    fn all(members: &'a [(String, Json)]) -> Self {
        let members: Vec<_> = members.iter().map(|(name, value)| (name.as_str(), value)).collect();
        Self { rest: members.into_iter(), value: None }
    }

    /// The members a struct knows, each once and under the struct's spelling.
    fn of_struct(members: &'a [(String, Json)], fields: &'static [&'static str]) -> Self {
        let last = |field: &'static str| {
            let matches =
                |(name, value): &&(String, Json)| !matches!(value, Json::Null) && name.eq_ignore_ascii_case(field);
            members.iter().rev().find(matches).map(|(_, value)| (field, value))
        };
        let known: Vec<_> = fields.iter().filter_map(|field| last(field)).collect();
        Self { rest: known.into_iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        let name: StrDeserializer<'_, DecodeError> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        let value = self.value.take().ok_or_else(|| DecodeError("value without a name".into()))?;
        seed.deserialize(Lenient(value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::api::{
        AdminStatus, AuditRepairRequest, BlockRestrictionRequest, BlockVolumeCreateRequest, BlockVolumeExpandRequest,
        BrickEvictRequest, CleanUpRequest, ClusterCreateRequest, DeviceAddRequest, DeviceReplaceRequest,
        NodeAddRequest, StateRequest, TagsChangeRequest, TopologyFile, Validate, VolumeCloneRequest,
        VolumeCreateRequest, VolumeExpandRequest,
    };

    fn size(body: &str) -> Option<i64> {
        decode::<VolumeCreateRequest>(body.as_bytes()).ok().map(|request| request.size)
    }

    #[test]
    fn reads_what_go_reads() {
        for (body, read) in [
            (r#"{"size":1}"#, 1),
            (r#"{"SIZE":1}"#, 1),
            (r#"{"size":1,"Size":2}"#, 2),
            (r#"{"Size":2,"size":1}"#, 1),
            (r#"{"size":1,"size":null}"#, 1),
            (r#"{"size":null}"#, 0),
            (r#"{"unknown":{"a":[1.5]},"size":3}"#, 3),
            (" \n{\"size\":-4}\t", -4),
            ("null", 0),
            ("{}", 0),
            (r#"{"size":9223372036854775807}"#, i64::MAX),
            (r#"{"size":1,"name":null,"clusters":null,"snapshot":null,"durability":{"replicate":null}}"#, 1),
        ] {
            assert_eq!(size(body), Some(read), "{body}");
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for body in [
            "",
            " ",
            "{",
            "[]",
            "1",
            "\"x\"",
            "true",
            "{}x",
            "{} {}",
            r#"{"size":1.0}"#,
            r#"{"size":1e2}"#,
            r#"{"size":"1"}"#,
            r#"{"size":9223372036854775808}"#,
            r#"{"size":true}"#,
            r#"{"name":1}"#,
            r#"{"clusters":"x"}"#,
            r#"{"clusters":[1]}"#,
            r#"{"durability":[]}"#,
            r#"{"snapshot":{"factor":"1"}}"#,
            r#"{"snapshot":{"factor":1e60}}"#,
        ] {
            assert_eq!(size(body), None, "{body}");
        }
        assert_eq!(decode::<VolumeCreateRequest>(b"").unwrap_err().to_string(), "unexpected end of JSON input");
    }

    #[test]
    fn names_in_a_map_stay_as_they_are() {
        let request: NodeAddRequest = decode(br#"{"TAGS":{"Rack":"a","rack":"b","x":"1","x":"2","n":null}}"#).unwrap();
        let expected = [("Rack", "a"), ("n", ""), ("rack", "b"), ("x", "2")];
        assert_eq!(request.tags, BTreeMap::from(expected.map(|(k, v)| (k.to_owned(), v.to_owned()))));
    }

    #[test]
    fn a_null_in_a_list_is_the_empty_text() {
        let request: VolumeCreateRequest = decode(br#"{"clusters":["a",null]}"#).unwrap();
        assert_eq!(request.clusters, ["a", ""]);
    }

    #[test]
    fn broken_text_is_replaced() {
        let request: VolumeCreateRequest = decode(b"{\"name\":\"a\xff\"}").unwrap();
        assert_eq!(request.name, "a\u{fffd}");
    }

    #[test]
    fn only_the_first_value_of_a_file_is_read() {
        assert!(decode_first::<ClusterCreateRequest>(b"{\"file\":true} trailing").unwrap().file);
        assert!(decode_first::<ClusterCreateRequest>(b"").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<VolumeCreateRequest>(&bytes);
            let _ = decode::<TopologyFile>(&bytes);
        }

        #[test]
        fn no_json_makes_decoder_or_validation_panic(
            text in r#"\{("(size|zone|tags|hostnames|name|state|durability|clusters|snapshot|file|change_type|new_size|hacount|healcheck|restriction|operations|findings|apply)":(-?[0-9]{1,20}|"[ -~]{0,8}"|null|\[\]|\{\}|1\.5|\["a"\]|\{"a":"b"\}|true),?){0,5}\}"#
        ) {
            let text = text.replace(",}", "}");
            if let Ok(request) = decode::<VolumeCreateRequest>(text.as_bytes()) {
                let _ = (request.validate(), request.check());
            }
            let _ = decode::<NodeAddRequest>(text.as_bytes()).map(|request| request.validate());
            let _ = decode::<DeviceAddRequest>(text.as_bytes()).map(|request| request.validate());
            let _ = decode::<StateRequest>(text.as_bytes()).map(|request| request.validate());
            let _ = decode::<TagsChangeRequest>(text.as_bytes()).map(|request| request.validate());
            let _ = decode::<VolumeExpandRequest>(text.as_bytes()).map(|request| request.validate());
            let _ = decode::<VolumeCloneRequest>(text.as_bytes()).map(|request| request.validate());
            let _ = decode::<BlockRestrictionRequest>(text.as_bytes()).map(|request| request.validate());
            let _ = decode::<BlockVolumeCreateRequest>(text.as_bytes()).map(|request| request.validate());
            let _ = decode::<BlockVolumeExpandRequest>(text.as_bytes()).map(|request| request.validate());
            let _ = decode::<BrickEvictRequest>(text.as_bytes()).map(|request| request.validate());
            let _ = decode::<DeviceReplaceRequest>(text.as_bytes()).map(|request| request.validate());
            let _ = decode::<CleanUpRequest>(text.as_bytes()).map(|request| request.validate());
            let _ = decode::<AdminStatus>(text.as_bytes()).map(|request| request.validate());
            let _ = decode::<AuditRepairRequest>(text.as_bytes()).map(|request| request.validate());
        }
    }
}
