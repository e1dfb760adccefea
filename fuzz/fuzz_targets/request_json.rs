//! Bodies of requests: whatever the bytes, decoding and checking them ends with a value or an error, and a
//! request that was understood survives being written and read again.
#![no_main]

use std::fmt::Debug;

use heketi_core::api::{
    AdminStatus, AuditRepairRequest, BlockRestrictionRequest, BlockVolumeCreateRequest, BlockVolumeExpandRequest,
    BrickEvictRequest, CleanUpRequest, ClusterCreateRequest, DeviceAddRequest, DeviceDeleteRequest,
    DeviceReplaceRequest, NodeAddRequest, StateRequest, TagsChangeRequest, TopologyFile, Validate, VolumeCloneRequest,
    VolumeCreateRequest, VolumeExpandRequest, decode, decode_first, encode,
};
use heketi_core::model::{TagRule, Tags, VolumeOptions, ZoneChecking};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The request, if the bytes are one; it must read the same after it was written.
fn request<T: DeserializeOwned + Serialize + PartialEq + Debug>(data: &[u8]) -> Option<T> {
    let request: T = decode(data).ok()?;
    let written = encode(&request);
    let again: T = decode(written.as_bytes()).unwrap_or_else(|error| panic!("{written}: {error}"));
    assert_eq!(request, again, "{written}");
    Some(request)
}

/// The request, if its fields are acceptable too. A refusal has a text.
fn valid<T: DeserializeOwned + Serialize + PartialEq + Debug + Validate>(data: &[u8]) -> Option<T> {
    let request: T = request(data)?;
    match request.validate() {
        Ok(()) => Some(request),
        Err(error) => {
            assert!(error.to_string().starts_with("validation failed: "));
            None
        }
    }
}

fn volume(request: &VolumeCreateRequest) {
    let Ok(checked) = request.check() else { return };
    assert!(checked.size.0 > 0);
    assert!((1..=12).contains(&checked.durability.set_size()));
    assert!((1.0..=100.0).contains(&checked.snapshot.factor));
    let options = VolumeOptions(&checked.options);
    let _ = options.zone_checking(ZoneChecking::None);
    if let Ok(Some(rule)) = options.tag_rule() {
        assert_eq!(TagRule::parse(&rule.to_string()), Ok(rule));
    }
}

fuzz_target!(|data: &[u8]| {
    if let Some(request) = valid::<VolumeCreateRequest>(data) {
        volume(&request);
    }
    if let Some(request) = valid::<VolumeExpandRequest>(data) {
        assert!(request.size().is_some());
    }
    if let Some(request) = valid::<StateRequest>(data) {
        assert!(request.target().is_some());
    }
    if let Some(request) = valid::<TagsChangeRequest>(data) {
        assert!(request.change().is_some());
        let _ = request.applied_to(&Tags::from([("rack".to_owned(), "r7".to_owned())]));
    }
    if let Some(request) = valid::<BlockVolumeCreateRequest>(data) {
        assert!(request.size().is_some());
    }
    if let Some(request) = valid::<BlockVolumeExpandRequest>(data) {
        assert!(request.new_size().is_some());
    }
    if let Some(request) = valid::<BlockRestrictionRequest>(data) {
        assert!(request.target().is_some());
    }
    if let Some(request) = valid::<AdminStatus>(data) {
        assert!(request.target().is_some());
    }
    if let Some(request) = valid::<CleanUpRequest>(data) {
        assert_eq!(request.selection().len(), request.operations.len());
    }
    let _ = valid::<VolumeCloneRequest>(data);
    let _ = valid::<BrickEvictRequest>(data);
    let _ = valid::<DeviceReplaceRequest>(data);
    let _ = valid::<AuditRepairRequest>(data);
    let _ = valid::<ClusterCreateRequest>(data);
    let _ = valid::<NodeAddRequest>(data);
    let _ = valid::<DeviceAddRequest>(data);
    let _ = valid::<DeviceDeleteRequest>(data);
    let _ = request::<TopologyFile>(data);
    let _ = decode_first::<TopologyFile>(data);
});
