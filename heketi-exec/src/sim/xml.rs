//! The XML that `gluster --xml` prints.

use std::fmt::Write;

use super::node::Node;
use super::volume::{Volume, VolumeStatus};

/// A whole answer; `body` is what the command adds.
pub(super) fn document(ret: i32, errno: i32, error: &str, body: &str) -> String {
    let error =
        if error.is_empty() { "<opErrstr/>".to_owned() } else { format!("<opErrstr>{}</opErrstr>", escape(error)) };
    let errno = if ret == 0 { 0 } else { errno };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" \
             standalone=\"yes\"?>\n<cliOutput><opRet>{ret}</opRet><opErrno>{errno}</opErrno>{error}{body}</cliOutput>\n"
    )
}

/// Text as XML carries it.
pub(super) fn escape(text: &str) -> String {
    if !text.contains(['&', '<', '>', '"']) {
        return text.to_owned();
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// One peer of `pool list` or `peer status`.
pub(super) fn peer(body: &mut String, node: &Node, connected: bool) {
    let first = node.peer_names.first().unwrap_or(&node.storage);
    _ = write!(body, "<peer><uuid>{}</uuid><hostname>{}</hostname><hostnames>", node.uuid, escape(first));
    for name in &node.peer_names {
        _ = write!(body, "<hostname>{}</hostname>", escape(name));
    }
    let connected = u8::from(connected);
    _ = write!(
        body,
        "</hostnames><connected>{connected}</connected><state>3</state><stateStr>Peer in Cluster</stateStr></peer>"
    );
}

/// gluster's number and word for the state of a volume.
pub(super) fn status(volume: &Volume) -> (u8, &'static str) {
    match volume.status {
        VolumeStatus::Created => (0, "Created"),
        VolumeStatus::Started => (1, "Started"),
        VolumeStatus::Stopped => (2, "Stopped"),
    }
}

/// One volume of `volume info`. The brick's name is both text of the `brick` element and a child of it.
pub(super) fn volume(body: &mut String, name: &str, volume: &Volume, nodes: &[Node]) {
    let (layout, set) = (volume.layout, volume.layout.set_size());
    let several = volume.bricks.len() > set;
    let (kind, kind_text) = match (layout.data > 0, layout.replica > 1, several) {
        (true, _, false) => (4, "Disperse"),
        (true, _, true) => (9, "Distributed-Disperse"),
        (false, true, false) => (2, "Replicate"),
        (false, true, true) => (7, "Distributed-Replicate"),
        (false, false, _) => (0, "Distribute"),
    };
    let disperse = if layout.data > 0 { set } else { 0 };
    let (status, status_text) = status(volume);
    _ = write!(
        body,
        "<volume><name>{}</name><id>{}</id><status>{status}</status><statusStr>{status_text}</statusStr>\
         <snapshotCount>{}</snapshotCount><brickCount>{}</brickCount><distCount>{set}</distCount>\
         <stripeCount>1</stripeCount><replicaCount>{}</replicaCount><arbiterCount>{}</arbiterCount>\
         <disperseCount>{disperse}</disperseCount><redundancyCount>{}</redundancyCount><type>{kind}</type>\
         <typeStr>{kind_text}</typeStr><transport>0</transport><bricks>",
        escape(name),
        volume.uuid,
        volume.snapshots.len(),
        volume.bricks.len(),
        layout.replica,
        layout.arbiter,
        layout.redundancy,
    );
    for (index, brick) in volume.bricks.iter().enumerate() {
        let uuid = nodes.get(brick.node).map_or("", |node| &node.uuid);
        let arbiter = u8::from(layout.arbiter > 0 && (index + 1) % set == 0);
        let full = escape(&format!("{}:{}", brick.host, brick.path));
        _ = write!(
            body,
            "<brick uuid=\"{uuid}\">{full}<name>{full}</name><hostUuid>{uuid}</hostUuid><isArbiter>{arbiter}</isArbiter></brick>"
        );
    }
    _ = write!(body, "</bricks><optCount>{}</optCount><options>", volume.options.len());
    for (key, value) in &volume.options {
        _ = write!(body, "<option><name>{}</name><value>{}</value></option>", escape(key), escape(value));
    }
    body.push_str("</options></volume>");
}
