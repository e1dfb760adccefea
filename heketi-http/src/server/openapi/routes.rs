//! Every route in words. A test holds this list to the router's.

use heketi_core::api::*;
use heketi_core::model::Tags;

use super::about::{About, Answer};

pub(super) static ROUTES: &[About] = &[
    About::get("/hello", "Greets: the service runs").answers(Answer::Text).open(),
    About::get("/healthz", "Is the service alive?").answers(Answer::Text).open(),
    About::get("/readyz", "Does the service take work?").answers(Answer::Text).open(),
    About::get("/metrics", "Metrics in Prometheus' text form").answers(Answer::Text).open(),
    About::get("/queue/{id}", "How a job stands; its end is told once").answers(Answer::Poll),
    About::post("/clusters", "Makes an empty cluster").takes::<ClusterCreateRequest>().json_as::<ClusterInfo>(201),
    About::get("/clusters", "Lists the clusters").json::<ClusterList>(),
    About::get("/clusters/{id}", "Shows a cluster").json::<ClusterInfo>(),
    About::delete("/clusters/{id}", "Deletes an empty cluster").answers(Answer::Empty(200)),
    About::post("/clusters/{id}/flags", "Sets which volumes a cluster takes")
        .takes::<ClusterFlagsRequest>()
        .answers(Answer::Empty(200)),
    About::post("/nodes", "Adds a node to a cluster").takes::<NodeAddRequest>(),
    About::get("/nodes/{id}", "Shows a node with its devices and bricks").json::<NodeInfo>(),
    About::delete("/nodes/{id}", "Deletes a node without devices"),
    About::post("/nodes/{id}/state", "Sets the state of a node; failed moves its bricks away").takes::<StateRequest>(),
    About::post("/nodes/{id}/tags", "Changes the tags of a node").takes::<TagsChangeRequest>().json::<Tags>(),
    About::post("/nodes/{id}/replace", "Takes a rebuilt machine for a node and makes its bricks again"),
    About::post("/devices", "Adds a device to a node").takes::<DeviceAddRequest>(),
    About::get("/devices/{id}", "Shows a device with its bricks").json::<DeviceInfo>(),
    About::delete("/devices/{id}", "Deletes a device in failed state").may_take::<DeviceDeleteRequest>(),
    About::post("/devices/{id}/state", "Sets the state of a device; failed moves its bricks away")
        .takes::<StateRequest>(),
    About::post("/devices/{id}/tags", "Changes the tags of a device").takes::<TagsChangeRequest>().json::<Tags>(),
    About::get("/devices/{id}/resync", "Measures a device again"),
    About::post("/devices/{id}/replace", "Takes a new disk for a device and makes its bricks again")
        .may_take::<DeviceReplaceRequest>(),
    About::post("/volumes", "Creates a volume").takes::<VolumeCreateRequest>(),
    About::get("/volumes", "Lists the volumes").json::<VolumeList>(),
    About::get("/volumes/{id}", "Shows a volume with its bricks").json::<VolumeInfo>(),
    About::delete("/volumes/{id}", "Deletes a volume"),
    About::post("/volumes/{id}/expand", "Makes a volume larger by so much").takes::<VolumeExpandRequest>(),
    About::post("/volumes/{id}/clone", "Makes a volume with the data of another").takes::<VolumeCloneRequest>(),
    About::post("/volumes/{id}/block-restriction", "Locks a block hosting volume, or unlocks it")
        .takes::<BlockRestrictionRequest>(),
    About::post("/blockvolumes", "Creates a block volume").takes::<BlockVolumeCreateRequest>(),
    About::get("/blockvolumes", "Lists the block volumes").json::<BlockVolumeList>(),
    About::get("/blockvolumes/{id}", "Shows a block volume and how to reach it").json::<BlockVolumeInfo>(),
    About::delete("/blockvolumes/{id}", "Deletes a block volume"),
    About::post("/blockvolumes/{id}/expand", "Makes a block volume as large as this")
        .takes::<BlockVolumeExpandRequest>(),
    About::post("/bricks/to-evict/{id}", "Moves a brick to another device").may_take::<BrickEvictRequest>(),
    About::get("/operations", "Counts the recorded operations").json::<OperationCounts>(),
    About::get("/operations/history", "Requests and what became of them; what runs, then the newest first")
        .query(&[("limit", r#"{"type":"integer","minimum":1,"maximum":1000}"#, "At most so many")])
        .json::<HistoryList>(),
    About::get("/operations/{id}", "One of them, by the id of its operation or of its queue entry")
        .json::<HistoryInfo>(),
    About::get("/operations/pending", "Lists the recorded operations").json::<OperationList>(),
    About::get("/operations/pending/{id}", "Shows an operation and what it changes").json::<OperationDetails>(),
    About::post("/operations/pending/cleanup", "Resumes stale and failed operations, all or those named")
        .takes::<CleanUpRequest>(),
    About::get("/audit", "Compares the state with itself, and with what the nodes report")
        .query(&[("nodes", r#"{"type":"boolean"}"#, "Ask the nodes too")])
        .json::<AuditInfo>(),
    About::post("/audit/repair", "Tells what would be done about findings, or does it")
        .takes::<AuditRepairRequest>()
        .job_or::<AuditPlan>(),
    About::post("/placement/explain", "Where a volume would go, and why not elsewhere; changes nothing")
        .takes::<VolumeCreateRequest>()
        .json::<PlacementInfo>(),
    About::get("/capacity", "The largest volume that fits now, for each cluster and durability")
        .query(&[
            ("cluster", r#"{"type":"string","pattern":"^[0-9a-f]{32}$"}"#, "Id of one cluster"),
            (
                "factor",
                r#"{"type":"number","minimum":1,"maximum":100}"#,
                "Thin pool size over brick size: room for snapshots",
            ),
        ])
        .json::<CapacityInfo>(),
    About::get("/events", "What happens, as it happens: server-sent events").events::<EventInfo>(),
    About::get("/backup/db", "A copy of the database that another server can open").answers(Answer::File),
    About::get("/db/dump", "The whole state in heketi v10's JSON form").answers(Answer::Object),
    About::get("/db/check", "Counts what is inconsistent in the state, by kind of record").answers(Answer::Object),
    About::get("/internal/state/examine/gluster", "The state beside what the nodes report, node by node")
        .answers(Answer::Object),
    About::get("/internal/logging", "Shows the level of the log").json::<LogLevelInfo>(),
    About::post("/internal/logging", "Sets the level of the log").takes::<LogLevelInfo>().json::<LogLevelInfo>(),
    About::get("/admin", "Shows which requests are taken").json::<AdminStatus>(),
    About::post("/admin", "Sets which requests are taken").takes::<AdminStatus>().answers(Answer::Empty(204)),
    About::get("/openapi.json", "This document").answers(Answer::Object),
];
