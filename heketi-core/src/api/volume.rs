use serde::{Deserialize, Serialize};

use super::validate::{Problems, object_name, positive};
use super::{DurabilityInfo, Validate, ValidationError, is_false, is_zero};
use crate::error::{Error, ErrorKind};
use crate::model::{BlockRestriction, Durability, Snapshot, VolumeOptions};
use crate::units::Gib;

/// Room for snapshots, as asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct SnapshotRequest {
    /// Is room wanted?
    pub enable: bool,
    /// Thin pool size over brick size.
    pub factor: f32,
}

/// Body of `POST /volumes`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["size"])))]
pub struct VolumeCreateRequest {
    /// Size in GiB.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub size: i64,
    /// Clusters that may be taken, in order of preference; empty means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<String>,
    /// Name in gluster; empty means `vol_<id>`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-zA-Z0-9_-]*$")))]
    pub name: String,
    /// What a brick set is made of; none by default.
    pub durability: DurabilityInfo,
    /// Group that owns the brick directories; 0 means none.
    #[serde(skip_serializing_if = "is_zero")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 2147483646)))]
    pub gid: i64,
    /// `key value` options in the order they are set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub glustervolumeoptions: Vec<String>,
    /// Shall it host block volumes?
    #[serde(skip_serializing_if = "is_false")]
    pub block: bool,
    /// Room for snapshots.
    pub snapshot: SnapshotRequest,
}

impl Validate for VolumeCreateRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        Problems::default().field("size", positive(self.size)).field("name", object_name(&self.name)).result()
    }
}

/// A volume request whose values are understood and agree with each other. Whether its clusters exist and
/// have room is not known yet.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedVolumeCreate {
    /// Size.
    pub size: Gib,
    /// Name in gluster; `None` means `vol_<id>`.
    pub name: Option<String>,
    /// Clusters that may be taken, in order of preference, as the client wrote them; empty means all.
    pub clusters: Vec<String>,
    /// What a brick set is made of.
    pub durability: Durability,
    /// Group that owns the brick directories; 0 means none.
    pub gid: i64,
    /// `key value` options in the order they are set, as the client wrote them.
    pub options: Vec<String>,
    /// Shall it host block volumes?
    pub block: bool,
    /// Room for snapshots.
    pub snapshot: Snapshot,
}

impl CheckedVolumeCreate {
    /// A volume of `size` GiB that any cluster may take, with a name made from its id, no options, and no room for
    /// snapshots.
    pub fn new(size: Gib, durability: Durability) -> Self {
        Self {
            size,
            name: None,
            clusters: Vec::new(),
            durability,
            gid: 0,
            options: Vec::new(),
            block: false,
            snapshot: Snapshot::default(),
        }
    }
}

impl VolumeCreateRequest {
    /// Checks what concerns several fields, or needs more than the form of one.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with heketi v10's text for the first value that is wrong.
    pub fn check(&self) -> Result<CheckedVolumeCreate, Error> {
        const GID_LIMIT: i64 = i32::MAX as i64;
        if self.gid < 0 {
            return Err(invalid("Bad group id less than zero"));
        }
        if self.gid >= GID_LIMIT {
            // The text is heketi v10's; the limit it enforces is 2^31 - 1.
            return Err(invalid("Bad group id equal or greater than 2**32"));
        }
        if !["", "none", "replicate", "disperse"].contains(&self.durability.kind.as_str()) {
            return Err(invalid("Unknown durability type"));
        }
        let size = u64::try_from(self.size).ok().filter(|size| *size > 0);
        let size = size.ok_or_else(|| invalid("Invalid volume size"))?;
        let snapshot = self.checked_snapshot()?;
        let durability = self.checked_durability()?;
        let options = VolumeOptions(&self.glustervolumeoptions);
        options.check_arbiter(durability).map_err(|error| invalid(error.to_string()))?;
        Ok(CheckedVolumeCreate {
            size: Gib(size),
            name: (!self.name.is_empty()).then(|| self.name.clone()),
            clusters: self.clusters.clone(),
            durability,
            gid: self.gid,
            options: self.glustervolumeoptions.clone(),
            block: self.block,
            snapshot,
        })
    }

    fn checked_snapshot(&self) -> Result<Snapshot, Error> {
        let SnapshotRequest { enable, factor } = self.snapshot;
        match enable {
            false => Ok(Snapshot::default()),
            true if (1.0..=100.0).contains(&factor) => Ok(Snapshot { enable, factor }),
            true => Err(invalid("Invalid snapshot factor")),
        }
    }

    fn checked_durability(&self) -> Result<Durability, Error> {
        let DurabilityInfo { kind, replicate, disperse } = &self.durability;
        match kind.as_str() {
            "replicate" => match replicate.replica {
                0 => Ok(Durability::Replicate { replica: 2 }),
                1 => Ok(Durability::Replicate { replica: 1 }),
                2 => Ok(Durability::Replicate { replica: 2 }),
                3 => Ok(Durability::Replicate { replica: 3 }),
                _ => Err(invalid("Invalid replica value")),
            },
            "disperse" => {
                let wanted = (disperse.data, disperse.redundancy);
                let known = Durability::DISPERSE_COMBINATIONS
                    .into_iter()
                    .find(|(data, redundancy)| (i64::from(*data), i64::from(*redundancy)) == wanted);
                let (data, redundancy) = known.ok_or_else(|| {
                    invalid(format!("Invalid dispersion combination: {}+{}", disperse.data, disperse.redundancy))
                })?;
                Ok(Durability::Disperse { data, redundancy })
            }
            _ => Ok(Durability::None),
        }
    }
}

fn invalid(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, text)
}

/// Body of `POST /volumes/{id}/expand`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["expand_size"])))]
pub struct VolumeExpandRequest {
    /// GiB to add.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub expand_size: i64,
}

impl VolumeExpandRequest {
    /// The size to add; `None` when the request is not valid.
    pub fn size(&self) -> Option<Gib> {
        u64::try_from(self.expand_size).ok().filter(|size| *size > 0).map(Gib)
    }
}

impl Validate for VolumeExpandRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        Problems::default().field("expand_size", positive(self.expand_size)).result()
    }
}

/// Body of `POST /volumes/{id}/clone`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct VolumeCloneRequest {
    /// Name of the new volume in gluster; empty means `vol_<id>`.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-zA-Z0-9_-]*$")))]
    pub name: String,
}

impl Validate for VolumeCloneRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        Problems::default().field("name", object_name(&self.name)).result()
    }
}

/// Body of `POST /volumes/{id}/block-restriction`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct BlockRestrictionRequest {
    /// Empty or `locked`.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["", "locked"])))]
    pub restriction: String,
}

impl BlockRestrictionRequest {
    /// The restriction asked for; `None` when the text is none a client may ask for.
    pub fn target(&self) -> Option<BlockRestriction> {
        match self.restriction.as_str() {
            "" => Some(BlockRestriction::None),
            "locked" => Some(BlockRestriction::Locked),
            _ => None,
        }
    }
}

impl Validate for BlockRestrictionRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        let problem = self.target().is_none().then(|| "must be a valid value".to_owned());
        Problems::default().field("restriction", problem).result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{decode, encode};

    fn request(body: &str) -> VolumeCreateRequest {
        decode(body.as_bytes()).unwrap()
    }

    #[test]
    fn fields_are_validated() {
        for (body, problem) in [
            (r#"{"size":1}"#, None),
            (r#"{"size":1,"name":"A_b-9"}"#, None),
            (r#"{"name":"a.b"}"#, Some("name: must be in a valid format; size: cannot be blank.")),
            (r#"{"size":-1,"name":"ä"}"#, Some("name: must be in a valid format; size: must be no less than 1.")),
        ] {
            let told = request(body).validate().err().map(|error| error.to_string());
            assert_eq!(told, problem.map(|text| format!("validation failed: {text}")), "{body}");
        }
        let expand = VolumeExpandRequest { expand_size: -1 };
        let told = expand.validate().unwrap_err().to_string();
        assert_eq!(told, "validation failed: expand_size: must be no less than 1.");
    }

    #[test]
    fn clones_and_restrictions_are_validated() {
        let named = |name: &str| VolumeCloneRequest { name: name.into() };
        assert_eq!((named("").validate(), named("a_B-9").validate()), (Ok(()), Ok(())));
        let told = named("a.b").validate().unwrap_err().to_string();
        assert_eq!(told, "validation failed: name: must be in a valid format.");
        assert_eq!(encode(&named("")), "{}");
        let restricted = |text: &str| BlockRestrictionRequest { restriction: text.into() };
        assert_eq!(restricted("").target(), Some(BlockRestriction::None));
        assert_eq!(restricted("locked").target(), Some(BlockRestriction::Locked));
        for text in ["locked-by-update", "none", "Locked"] {
            let told = restricted(text).validate().unwrap_err().to_string();
            assert_eq!(told, "validation failed: restriction: must be a valid value.", "{text}");
        }
    }

    #[test]
    fn values_are_checked_in_v10s_order() {
        for (body, text) in [
            (r#"{"gid":-1,"durability":{"type":"x"}}"#, "Bad group id less than zero"),
            (r#"{"gid":2147483647,"durability":{"type":"x"}}"#, "Bad group id equal or greater than 2**32"),
            (r#"{"durability":{"type":"x"},"snapshot":{"enable":true}}"#, "Unknown durability type"),
            (r#"{"size":0,"snapshot":{"enable":true}}"#, "Invalid volume size"),
            (
                r#"{"snapshot":{"enable":true},"durability":{"type":"replicate","replicate":{"replica":4}}}"#,
                "Invalid snapshot factor",
            ),
            (r#"{"snapshot":{"enable":true,"factor":0.99}}"#, "Invalid snapshot factor"),
            (r#"{"snapshot":{"enable":true,"factor":100.1}}"#, "Invalid snapshot factor"),
            (r#"{"durability":{"type":"replicate","replicate":{"replica":4}}}"#, "Invalid replica value"),
            (r#"{"durability":{"type":"replicate","replicate":{"replica":-1}}}"#, "Invalid replica value"),
            (r#"{"durability":{"type":"disperse"}}"#, "Invalid dispersion combination: 0+0"),
            (
                r#"{"durability":{"type":"disperse","disperse":{"data":3,"redundancy":-1}}}"#,
                "Invalid dispersion combination: 3+-1",
            ),
            (
                r#"{"glustervolumeoptions":["user.heketi.arbiter true"]}"#,
                "Option user.heketi.arbiter needs durability replicate 3, it cannot be used with none",
            ),
        ] {
            let mut request = request(body);
            request.size = if body.contains("size") { request.size } else { 1 };
            let error = request.check().unwrap_err();
            assert_eq!((error.kind(), error.text()), (ErrorKind::Invalid, text), "{body}");
        }
    }

    #[test]
    fn durability_is_understood() {
        for (body, durability) in [
            ("{}", Durability::None),
            (r#"{"type":"none","replicate":{"replica":9}}"#, Durability::None),
            (r#"{"type":"replicate"}"#, Durability::Replicate { replica: 2 }),
            (r#"{"type":"replicate","replicate":{"replica":1}}"#, Durability::Replicate { replica: 1 }),
            (
                r#"{"type":"replicate","replicate":{"replica":3},"disperse":{"data":4,"redundancy":2}}"#,
                Durability::Replicate { replica: 3 },
            ),
            (
                r#"{"type":"disperse","disperse":{"data":2,"redundancy":1}}"#,
                Durability::Disperse { data: 2, redundancy: 1 },
            ),
            (
                r#"{"type":"disperse","disperse":{"data":8,"redundancy":4}}"#,
                Durability::Disperse { data: 8, redundancy: 4 },
            ),
        ] {
            let checked = request(&format!(r#"{{"size":1,"durability":{body}}}"#)).check().unwrap();
            assert_eq!(checked.durability, durability, "{body}");
        }
    }

    #[test]
    fn kubernetes_asks_for_snapshots_with_factor_one() {
        let body = r#"{"size":2,"name":"","gid":2001,"durability":{"type":"replicate","replicate":{"replica":3},"disperse":{}},"glustervolumeoptions":[" user.heketi.arbiter true"],"snapshot":{"enable":true,"factor":1}}"#;
        let checked = request(body).check().unwrap();
        assert_eq!((checked.size, checked.name, checked.gid), (Gib(2), None, 2001));
        assert_eq!(checked.snapshot, Snapshot { enable: true, factor: 1.0 });
        let checked = request(r#"{"size":1,"block":true}"#).check().unwrap();
        assert!(checked.block && !request(body).check().unwrap().block);
        let checked = request(r#"{"size":1,"name":"a","snapshot":{"enable":false,"factor":7}}"#).check().unwrap();
        assert_eq!((checked.name.as_deref(), checked.snapshot), (Some("a"), Snapshot::default()));
    }

    #[test]
    fn a_request_is_written_as_the_go_client_writes_it() {
        let request = request(r#"{"size":1}"#);
        assert_eq!(
            encode(&request),
            r#"{"size":1,"name":"","durability":{"replicate":{},"disperse":{}},"snapshot":{"enable":false,"factor":0}}"#
        );
    }
}
