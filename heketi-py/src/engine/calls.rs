//! What an engine can be asked for: heketi's requests by the names its clients give them.

use std::str::FromStr;
use std::sync::Arc;

use heketi_core::api::{
    AuditRepairRequest, BlockRestrictionRequest, BlockVolumeCreateRequest, BlockVolumeExpandRequest, BrickEvictRequest,
    CleanUpRequest, ClusterCreateRequest, ClusterFlagsRequest, DeviceAddRequest, DeviceDeleteRequest,
    DeviceReplaceRequest, NodeAddRequest, StateRequest, TagsChangeRequest, Validate, VolumeCloneRequest,
    VolumeCreateRequest, VolumeExpandRequest, encode,
};
use heketi_core::id::{DeviceId, QueueId};
use heketi_core::inventory::JobResult;
use heketi_core::placement::explain;
use heketi_core::{Error, ErrorKind};
use heketi_exec::engine::Engine as Manager;
use heketi_http::backend::{Backend, EngineBackend};
use pyo3::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::watch;

use super::jobs;
use crate::failure::Failure;
use crate::pending::{Outcome, Value};
use crate::settings::read;

/// One request.
pub(super) struct Call {
    pub(super) manager: Manager,
    pub(super) backend: Arc<EngineBackend>,
    pub(super) stopped: watch::Receiver<bool>,
    /// The object it is about; empty where there is none.
    pub(super) id: String,
    /// JSON.
    pub(super) body: String,
    pub(super) progress: Option<Py<PyAny>>,
}

impl Call {
    pub(super) async fn run(self, name: &str) -> Outcome {
        let kind = name.split_once('_').map_or(name, |(kind, _)| kind);
        match kind {
            "cluster" => self.cluster(name).await,
            "node" => self.node(name).await,
            "device" | "brick" => self.device(name).await,
            "volume" => self.volume(name).await,
            "block" => self.block_volume(name).await,
            _ => self.service(name).await,
        }
    }

    async fn cluster(self, name: &str) -> Outcome {
        let backend = self.backend.as_ref();
        match name {
            "cluster_create" => told(&backend.cluster_create(self.request::<ClusterCreateRequest>()?).await?),
            "cluster_list" => told(&backend.cluster_list().await?),
            "cluster_info" => told(&backend.cluster_info(self.object()?).await?),
            "cluster_delete" => done(backend.cluster_delete(self.object()?).await),
            "cluster_setflags" => {
                done(backend.cluster_flags(self.object()?, self.request::<ClusterFlagsRequest>()?).await)
            }
            _ => unknown(name),
        }
    }

    async fn node(self, name: &str) -> Outcome {
        let backend = self.backend.as_ref();
        let queue = match name {
            "node_add" => backend.node_add(self.request::<NodeAddRequest>()?).await?,
            "node_info" => return told(&backend.node_info(self.object()?).await?),
            "node_delete" => backend.node_delete(self.object()?).await?,
            "node_state" => backend.node_state(self.object()?, self.request::<StateRequest>()?).await?,
            "node_replace" => backend.node_replace(self.object()?).await?,
            "node_set_tags" => {
                let request = self.request::<TagsChangeRequest>()?;
                return told(&backend.node_tags(self.object()?, request).await?);
            }
            _ => return unknown(name),
        };
        self.job(queue).await
    }

    async fn device(self, name: &str) -> Outcome {
        let backend = self.backend.as_ref();
        let queue = match name {
            "device_add" => return self.device_add().await,
            "device_info" => return told(&backend.device_info(self.object()?).await?),
            "device_delete" => backend.device_delete(self.object()?, self.request::<DeviceDeleteRequest>()?).await?,
            "device_state" => backend.device_state(self.object()?, self.request::<StateRequest>()?).await?,
            "device_resync" => backend.device_resync(self.object()?).await?,
            "device_replace" => backend.device_replace(self.object()?, self.request::<DeviceReplaceRequest>()?).await?,
            "device_set_tags" => {
                let request = self.request::<TagsChangeRequest>()?;
                return told(&backend.device_tags(self.object()?, request).await?);
            }
            "brick_evict" => backend.brick_evict(self.object()?, self.request::<BrickEvictRequest>()?).await?,
            _ => return unknown(name),
        };
        self.job(queue).await
    }

    /// The job does not tell the device's id; its node and name do.
    async fn device_add(self) -> Outcome {
        let request = self.request::<DeviceAddRequest>()?;
        let (node, name) = (request.node.clone(), request.name.clone());
        let (backend, manager) = (self.backend.clone(), self.manager.clone());
        let queue = backend.device_add(request).await?;
        self.job(queue).await?;
        let inventory = manager.inventory();
        let found = node.parse().ok().and_then(|node| {
            let mut devices = inventory.devices_of_node(node).filter_map(|id| inventory.device(id));
            devices.find(|device| device.name == name).map(|device| device.id)
        });
        let id: DeviceId = found.ok_or_else(Error::not_found)?;
        told(&backend.device_info(id).await?)
    }

    async fn volume(self, name: &str) -> Outcome {
        let backend = self.backend.as_ref();
        let queue = match name {
            "volume_create" => {
                let request = self.request::<VolumeCreateRequest>()?.check()?;
                backend.volume_create(request).await?
            }
            "volume_list" => return told(&backend.volume_list().await?),
            "volume_info" => return told(&backend.volume_info(self.object()?).await?),
            "volume_explain" => return self.explain(),
            "volume_expand" => {
                let size = self.request::<VolumeExpandRequest>()?.size().ok_or_else(|| invalid("volume size"))?;
                backend.volume_expand(self.object()?, size).await?
            }
            "volume_delete" => backend.volume_delete(self.object()?).await?,
            "volume_clone" => backend.volume_clone(self.object()?, self.request::<VolumeCloneRequest>()?).await?,
            "volume_block_restriction" => {
                let restriction = self.request::<BlockRestrictionRequest>()?.target();
                let restriction = restriction.ok_or_else(|| invalid("block restriction"))?;
                backend.volume_block_restriction(self.object()?, restriction).await?
            }
            _ => return unknown(name),
        };
        self.job(queue).await
    }

    /// Where each brick of a volume stands, and why.
    fn explain(&self) -> Outcome {
        let inventory = self.manager.inventory();
        let id = self.object()?;
        inventory.volume(id).filter(|_| !inventory.is_volume_hidden(id)).ok_or_else(Error::not_found)?;
        let bricks: Vec<_> = explain::placed(&inventory, id)
            .into_iter()
            .map(|brick| {
                json!({
                    "brick": brick.brick.to_string(), "host": brick.host, "zone": brick.zone, "device": brick.device,
                    "size": brick.size.0, "set": brick.position.map(|at| at.set), "arbiter": brick.arbiter,
                    "reason": brick.reason(),
                })
            })
            .collect();
        Ok(Value::Text(json!({ "bricks": bricks }).to_string()))
    }

    async fn block_volume(self, name: &str) -> Outcome {
        let backend = self.backend.as_ref();
        let queue = match name {
            "block_volume_create" => backend.block_volume_create(self.request::<BlockVolumeCreateRequest>()?).await?,
            "block_volume_list" => return told(&backend.block_volume_list().await?),
            "block_volume_info" => return told(&backend.block_volume_info(self.object()?).await?),
            "block_volume_expand" => {
                let size = self.request::<BlockVolumeExpandRequest>()?.new_size();
                let size = size.ok_or_else(|| invalid("block volume size"))?;
                backend.block_volume_expand(self.object()?, size).await?
            }
            "block_volume_delete" => backend.block_volume_delete(self.object()?).await?,
            _ => return unknown(name),
        };
        self.job(queue).await
    }

    async fn service(self, name: &str) -> Outcome {
        let backend = self.backend.as_ref();
        let queue = match name {
            "operations_info" => return told(&backend.operations().await?),
            "pending_operation_list" => return told(&backend.operation_list().await?),
            "pending_operation_details" => return told(&backend.operation_details(self.object()?).await?),
            "pending_operation_cleanup" => backend.operation_clean_up(self.request::<CleanUpRequest>()?).await?,
            "audit" => return told(&backend.audit(self.request::<AuditRepairRequest>()?.apply).await?),
            "audit_repair_plan" => return told(&backend.audit_plan(self.request::<AuditRepairRequest>()?).await?),
            "audit_repair" => backend.audit_repair(self.request::<AuditRepairRequest>()?).await?,
            _ => return unknown(name),
        };
        self.job(queue).await
    }

    /// Text that is no id names nothing.
    fn object<T: FromStr>(&self) -> Result<T, Failure> {
        Ok(self.id.parse().map_err(|_| Error::not_found())?)
    }

    fn request<T: DeserializeOwned + Validate>(&self) -> Result<T, Failure> {
        let request: T = read(&self.body)?;
        request.validate().map_err(|error| Failure::Invalid(error.to_string()))?;
        Ok(request)
    }

    /// Waits for the end; what the job resulted in is the value.
    async fn job(self, queue: QueueId) -> Outcome {
        match jobs::finished(&self.manager, self.stopped, queue, self.progress).await? {
            JobResult::Node(id) => told(&self.backend.node_info(id).await?),
            JobResult::Volume(id) => told(&self.backend.volume_info(id).await?),
            JobResult::BlockVolume(id) => told(&self.backend.block_volume_info(id).await?),
            _ => Ok(Value::Nothing),
        }
    }
}

fn told(value: &impl serde::Serialize) -> Outcome {
    Ok(Value::Text(encode(value)))
}

fn done(result: Result<(), Error>) -> Outcome {
    result?;
    Ok(Value::Nothing)
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("Invalid {what}"))
}

fn unknown(name: &str) -> Outcome {
    Err(Failure::Invalid(format!("there is no request {name}")))
}
