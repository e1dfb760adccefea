//! The move of a server in Kubernetes onto a volume it made itself: the volume, and the objects that copy the
//! database there.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use heketi_core::api::{DurabilityInfo, ReplicateInfo, VolumeCreateRequest, VolumeInfo};
use serde_json::{Value, json};

use super::args::SetupStorage;
use super::{CliError, Session, comma_list};

/// The name of the volume; the server protects it from deletion.
const VOLUME: &str = "heketidbstorage";
const VOLUME_GIB: i64 = 2;

/// What a database on a volume needs: nothing that caches or delays writes.
const OPTIONS: &[&str] = &[
    "performance.stat-prefetch off",
    "performance.write-behind off",
    "performance.open-behind off",
    "performance.quick-read off",
    "performance.strict-o-direct on",
    "performance.read-ahead off",
    "performance.io-cache off",
    "performance.readdir-ahead off",
    "user.heketi.dbstoragelevel 1",
];

/// Of the data of a secret, in bytes.
const SECRET_LIMIT: usize = 1024 * 1024;

pub(super) async fn run(mut session: Session<'_>, options: &SetupStorage) -> Result<(), CliError> {
    let request = request(options)?;
    let selector = selector(&options.node_selector)?;
    for id in session.client.volume_list().await?.volumes {
        if session.client.volume_info(id).await?.name == VOLUME {
            return Err(CliError(format!("Volume {VOLUME} already exists")));
        }
    }
    // Before the volume is made: afterwards the command cannot be repeated.
    let list = ListFile::open(&options.listfile)?;
    let volume = match session.client.volume_create(&request).await {
        Ok(volume) => volume,
        Err(error) => {
            list.forget();
            return Err(error.into());
        }
    };
    match write(&mut session, options, &volume, &selector, list).await {
        Ok(()) => Ok(()),
        Err(error) => {
            writeln!(session.err, "Cleaning up")?;
            match session.client.volume_delete(volume.id).await {
                Ok(()) => Err(error),
                Err(kept) => Err(CliError(format!(
                    "{error}; the volume {} stays ({kept}): before this command is repeated, rename or remove it",
                    volume.id
                ))),
            }
        }
    }
}

async fn write(
    session: &mut Session<'_>,
    options: &SetupStorage,
    volume: &VolumeInfo,
    selector: &Option<(String, String)>,
    mut list: ListFile,
) -> Result<(), CliError> {
    let backup = match session.client.backup_db().await {
        Ok(backup) => backup,
        Err(error) => {
            list.forget();
            return Err(error.into());
        }
    };
    if backup.len() > SECRET_LIMIT {
        writeln!(
            session.err,
            "Warning: the database has {} KiB, and Kubernetes takes at most 1024 KiB in a secret: copy it to the \
             volume {VOLUME} by hand, from the answer of /backup/db",
            backup.len() / 1024
        )?;
    }
    session.print(&format!("Saving {}\n", options.listfile))?;
    let objects = objects(&options.image, volume, selector, &backup);
    let text = serde_json::to_string_pretty(&objects).map_err(|error| CliError(error.to_string()))?;
    list.fill(&text)
}

fn request(options: &SetupStorage) -> Result<VolumeCreateRequest, CliError> {
    let durability = match options.durability.as_str() {
        "none" => DurabilityInfo { kind: "none".to_owned(), ..Default::default() },
        "replicate" => DurabilityInfo {
            kind: "replicate".to_owned(),
            replicate: ReplicateInfo { replica: options.replica },
            ..Default::default()
        },
        "disperse" => {
            return Err(CliError::new("Durability disperse is not supported for heketi database storage"));
        }
        other => return Err(CliError(format!("{other} is not a valid durability type"))),
    };
    let mut glustervolumeoptions = match options.gluster_volume_options.as_str() {
        "" => OPTIONS.iter().map(|option| (*option).to_owned()).collect(),
        own => [comma_list(own), vec!["user.heketi.dbstoragelevel custom".to_owned()]].concat(),
    };
    glustervolumeoptions.extend(comma_list(&options.append_volume_options));
    Ok(VolumeCreateRequest {
        size: VOLUME_GIB,
        name: VOLUME.to_owned(),
        durability,
        glustervolumeoptions,
        ..Default::default()
    })
}

fn selector(text: &str) -> Result<Option<(String, String)>, CliError> {
    match text.split_once('=') {
        None if text.is_empty() => Ok(None),
        Some((key, value)) if !key.is_empty() => Ok(Some((key.to_owned(), value.to_owned()))),
        _ => Err(CliError(format!("--node-selector {text} cannot be used: write it as key=value"))),
    }
}

/// The file the objects are written to; opened before there is anything to write.
struct ListFile {
    path: String,
    file: File,
    is_new: bool,
}

impl ListFile {
    fn open(path: &str) -> Result<Self, CliError> {
        let is_new = !Path::new(path).exists();
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(|error| {
            CliError(format!("Unable to open {path}: {error}; name a file that can be written with --listfile"))
        })?;
        Ok(Self { path: path.to_owned(), file, is_new })
    }

    fn fill(&mut self, text: &str) -> Result<(), CliError> {
        let failed = |error| CliError(format!("Unable to write {}: {error}", self.path));
        // What is no regular file, such as /dev/stdout, has no length.
        if self.file.metadata().map_err(failed)?.is_file() {
            self.file.set_len(0).map_err(failed)?;
        }
        self.file.write_all(text.as_bytes()).map_err(failed)
    }

    /// Leaves no trace of a file that was not needed.
    fn forget(self) {
        if self.is_new {
            let _ = std::fs::remove_file(self.path);
        }
    }
}

/// What Kubernetes is asked to create: the database as a secret, the way to the volume, and the job that copies.
fn objects(image: &str, volume: &VolumeInfo, selector: &Option<(String, String)>, backup: &[u8]) -> Value {
    let support = json!({ "deploy-heketi": "support" });
    let subset = |host: &String| json!({ "addresses": [{ "ip": host }], "ports": [{ "port": 1 }] });
    let subsets: Vec<Value> = volume.mount.glusterfs.hosts.iter().map(subset).collect();
    let mut pod = json!({
        "restartPolicy": "Never",
        "containers": [{
            "name": "heketi",
            "image": image,
            "command": ["cp", "/db/heketi.db", "/heketi"],
            "volumeMounts": [
                { "name": "heketi-storage", "mountPath": "/heketi" },
                { "name": "heketi-storage-secret", "mountPath": "/db" }
            ]
        }],
        "volumes": [
            { "name": "heketi-storage",
              "glusterfs": { "endpoints": "heketi-storage-endpoints", "path": volume.name } },
            { "name": "heketi-storage-secret", "secret": { "secretName": "heketi-storage-secret" } }
        ]
    });
    if let Some((key, value)) = selector {
        pod["nodeSelector"] = json!({ key: value });
    }
    json!({
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            { "apiVersion": "v1", "kind": "Secret",
              "metadata": { "name": "heketi-storage-secret", "labels": support },
              "data": { "heketi.db": STANDARD.encode(backup) } },
            { "apiVersion": "v1", "kind": "Endpoints",
              "metadata": { "name": "heketi-storage-endpoints" },
              "subsets": subsets },
            { "apiVersion": "v1", "kind": "Service",
              "metadata": { "name": "heketi-storage-endpoints" },
              "spec": { "ports": [{ "port": 1 }] } },
            { "apiVersion": "batch/v1", "kind": "Job",
              "metadata": { "name": "heketi-storage-copy-job", "labels": support },
              "spec": { "parallelism": 1, "completions": 1,
                        "template": { "metadata": { "name": "heketi-storage-copy-job" }, "spec": pod } } }
        ]
    })
}
