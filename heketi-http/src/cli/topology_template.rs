//! `topology info --template`: what a template of Go's text/template makes of the topology. Its fields have the names
//! of heketi v10's Go types.

use std::collections::HashMap;

use gtmpl::{Context, FuncError, Template, Value};
use heketi_core::api::{BrickInfo, DeviceInfo, NodeInfo, VolumeInfo};
use heketi_core::model::{EntryState, Tags};

use super::{CliError, text};
use crate::client::{Topology, TopologyClusterInfo};

pub(super) fn render(topology: &Topology, template: &str) -> Result<String, CliError> {
    let mut parsed = Template::default();
    parsed.add_func("join", join);
    parsed.add_func("kibToGib", kib_to_gib);
    parsed.add_func("entryStateString", state_text);
    parsed.parse(template).map_err(|error| CliError(format!("failed to parse template: {error}")))?;
    let root = object([("ClusterList", list(&topology.clusters, cluster))]);
    let rendered = parsed.render(&Context::from(root));
    rendered.map_err(|error| {
        let text = error.to_string();
        // What follows is the whole value, in the words of the template library.
        let text = text.split_once(" for {").map_or(text.as_str(), |(text, _)| text);
        CliError(format!("failed to execute template: {text}"))
    })
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn list<T>(items: &[T], value: impl Fn(&T) -> Value) -> Value {
    Value::Array(items.iter().map(value).collect())
}

fn words(items: &[String]) -> Value {
    list(items, |item| item.as_str().into())
}

fn tags(tags: &Tags) -> Value {
    Value::Map(tags.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect())
}

fn cluster(cluster: &TopologyClusterInfo) -> Value {
    object([
        ("Id", cluster.id.to_string().into()),
        ("File", cluster.file.into()),
        ("Block", cluster.block.into()),
        ("Volumes", list(&cluster.volumes, volume)),
        ("Nodes", list(&cluster.nodes, node)),
    ])
}

fn volume(volume: &VolumeInfo) -> Value {
    let (durability, mount, block) = (&volume.durability, &volume.mount.glusterfs, &volume.blockinfo);
    let options: HashMap<String, Value> =
        [("backup-volfile-servers".to_owned(), mount.options.backup_volfile_servers.as_str().into())].into();
    let kind = object([
        ("Type", durability.kind.as_str().into()),
        ("Replicate", object([("Replica", durability.replicate.replica.into())])),
        (
            "Disperse",
            object([("Data", durability.disperse.data.into()), ("Redundancy", durability.disperse.redundancy.into())]),
        ),
    ]);
    let block_info = object([
        ("FreeSize", block.freesize.into()),
        ("ReservedSize", block.reservedsize.into()),
        ("BlockVolumes", words(&block.blockvolume)),
        ("Restriction", block.restriction.as_str().into()),
    ]);
    let glusterfs = object([
        ("Hosts", words(&mount.hosts)),
        ("MountPoint", mount.device.as_str().into()),
        ("Options", Value::Map(options)),
    ]);
    object([
        ("Id", volume.id.to_string().into()),
        ("Name", volume.name.as_str().into()),
        ("Size", volume.size.0.into()),
        ("Cluster", volume.cluster.to_string().into()),
        ("Durability", kind),
        (
            "Snapshot",
            object([("Enable", volume.snapshot.enable.into()), ("Factor", f64::from(volume.snapshot.factor).into())]),
        ),
        ("Gid", volume.gid.into()),
        ("Block", volume.block.into()),
        ("BlockInfo", block_info),
        ("GlusterVolumeOptions", words(&volume.glustervolumeoptions)),
        ("Mount", object([("GlusterFS", glusterfs)])),
        ("Bricks", list(&volume.bricks, brick)),
    ])
}

fn node(node: &NodeInfo) -> Value {
    object([
        ("Id", node.id.to_string().into()),
        ("State", text::state(node.state).into()),
        ("ClusterId", node.cluster.to_string().into()),
        ("Zone", node.zone.into()),
        ("Hostnames", object([("Manage", words(&node.hostnames.manage)), ("Storage", words(&node.hostnames.storage))])),
        ("Tags", tags(&node.tags)),
        ("DevicesInfo", list(&node.devices, device)),
    ])
}

fn device(device: &DeviceInfo) -> Value {
    let storage = &device.storage;
    object([
        ("Id", device.id.to_string().into()),
        ("Name", device.name.as_str().into()),
        ("State", text::state(device.state).into()),
        ("Tags", tags(&device.tags)),
        ("Paths", words(&device.paths)),
        ("PvUUID", device.pv_uuid.as_str().into()),
        (
            "Storage",
            object([
                ("Total", storage.total.0.into()),
                ("Free", storage.free.0.into()),
                ("Used", storage.used.0.into()),
            ]),
        ),
        ("Bricks", list(&device.bricks, brick)),
    ])
}

fn brick(brick: &BrickInfo) -> Value {
    object([
        ("Id", brick.id.to_string().into()),
        ("Path", brick.path.as_str().into()),
        ("DeviceId", brick.device.to_string().into()),
        ("NodeId", brick.node.to_string().into()),
        ("VolumeId", brick.volume.to_string().into()),
        ("Size", brick.size.0.into()),
    ])
}

fn wrong(function: &str, wanted: &str) -> FuncError {
    FuncError::Generic(format!("{function} needs {wanted}"))
}

/// `join list separator`
fn join(arguments: &[Value]) -> Result<Value, FuncError> {
    match arguments {
        [Value::Array(items), Value::String(separator)] => {
            Ok(items.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator).into())
        }
        _ => Err(wrong("join", "a list and a separator")),
    }
}

/// Whole GiB, as a text.
fn kib_to_gib(arguments: &[Value]) -> Result<Value, FuncError> {
    match arguments {
        [Value::Number(kib)] => match kib.as_u64() {
            Some(kib) => Ok((kib / (1024 * 1024)).to_string().into()),
            None => Err(wrong("kibToGib", "a whole number")),
        },
        _ => Err(wrong("kibToGib", "a number")),
    }
}

/// A state is a text here already.
fn state_text(arguments: &[Value]) -> Result<Value, FuncError> {
    match arguments {
        [Value::String(state)] if state == &EntryState::Failed.to_string() => {
            Ok(text::state(EntryState::Failed).into())
        }
        [Value::String(state)] => Ok(state.as_str().into()),
        _ => Err(wrong("entryStateString", "a state")),
    }
}
