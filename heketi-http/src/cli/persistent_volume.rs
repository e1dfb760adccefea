//! A volume as a Kubernetes PersistentVolume.

use heketi_core::api::VolumeInfo;
use serde_json::{Value, json};

/// The object, indented by two, with the keys in the order of Kubernetes' own encoder.
pub(super) fn json(volume: &VolumeInfo, endpoints: &str) -> String {
    let id = volume.id.to_string();
    let text = |value: Value| value.to_string();
    let name = text(json!(format!("glusterfs-{}", id.get(..8).unwrap_or(&id))));
    let (gid, size) = (text(json!(volume.gid.to_string())), text(json!(format!("{}Gi", volume.size.0))));
    let (endpoints, path) = (text(json!(endpoints)), text(json!(volume.name)));
    format!(
        r#"{{
  "kind": "PersistentVolume",
  "apiVersion": "v1",
  "metadata": {{
    "name": {name},
    "creationTimestamp": null,
    "annotations": {{
      "pv.beta.kubernetes.io/gid": {gid}
    }}
  }},
  "spec": {{
    "capacity": {{
      "storage": {size}
    }},
    "glusterfs": {{
      "endpoints": {endpoints},
      "path": {path}
    }},
    "accessModes": [
      "ReadWriteMany"
    ],
    "persistentVolumeReclaimPolicy": "Retain"
  }},
  "status": {{}}
}}"#
    )
}
