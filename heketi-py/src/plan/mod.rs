//! What-if without any server: a state in memory, and core's placement on it.

mod load;
mod simulate;
mod wanted;

use std::path::PathBuf;
use std::sync::Arc;

use heketi_core::inventory::{Change, ChangeSet, Inventory, Record};
use heketi_core::operation::{Planned, VolumeCreate, choose_cluster, explain_create};
use heketi_core::placement::capacity::Room;
use heketi_core::placement::{Effort, Facts, Policy, explain, sizing};
use heketi_core::units::{KIB_PER_GIB, Kib, Timestamp};
use pyo3::prelude::*;
use serde_json::{Value as Json, json};

use crate::failure::Failure;
use crate::settings::{PolicySettings, read};
use simulate::Simulator;
use wanted::Request;

/// Plans carry a time; nothing here depends on it.
const NOW: Timestamp = Timestamp(0);

/// Requests between two looks for signals such as Ctrl-C.
const CHUNK: usize = 512;

/// Clusters, nodes, devices and volumes in memory. It never changes: what-ifs work on copies, which cost next
/// to nothing.
#[pyclass(frozen, module = "heketi._heketi")]
pub(crate) struct Plan {
    inventory: Inventory,
    policy: Policy,
}

/// What a simulation tells: for each request the brick sets it got, 0 for none; all bricks placed; refusals with
/// their positions; the part of all space that is used, sampled; seconds; the state at the end.
type Simulated = (Vec<u32>, u64, Vec<(usize, String)>, Vec<(usize, f64)>, f64, Plan);

#[pymethods]
impl Plan {
    /// Reads JSON: a topology file, a topology with its sizes, or the export of a database. `device_size` in KiB is
    /// for devices whose size the file does not tell; `settings` is JSON.
    #[staticmethod]
    fn load(py: Python<'_>, text: &str, device_size: Option<u64>, settings: &str) -> PyResult<Self> {
        let policy = read::<PolicySettings>(settings)?.policy(Policy::default())?;
        let inventory = py.detach(|| load::inventory(text, device_size.map(Kib)))?;
        Ok(Self { inventory, policy })
    }

    /// Reads a file: JSON as `load` does, or a database.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, device_size: Option<u64>, settings: &str) -> PyResult<Self> {
        let policy = read::<PolicySettings>(settings)?.policy(Policy::default())?;
        let inventory = py.detach(|| load::file(&path, device_size.map(Kib)))?;
        Ok(Self { inventory, policy })
    }

    /// For each cluster, as JSON, how much room there is for volumes like `request`.
    fn capacity(&self, py: Python<'_>, request: &str) -> PyResult<String> {
        let request = Request::read(request)?;
        Ok(py.detach(|| self.capacity_of(&request))?.to_string())
    }

    /// As JSON, where `request` would be placed and why, or why it finds no place.
    fn explain(&self, py: Python<'_>, request: &str) -> PyResult<String> {
        let request = Request::read(request)?;
        Ok(py.detach(|| self.explanation_of(&request))?.to_string())
    }

    /// Does what a JSON list of requests says, one after the other, on a copy; takes `samples` samples of the
    /// space in use. With `stop` it ends at the first refusal.
    fn simulate(&self, py: Python<'_>, requests: &str, samples: usize, stop: bool) -> PyResult<Simulated> {
        let mut simulator = py.detach(|| Simulator::new(&self.inventory, &self.policy, requests, samples, stop))?;
        while py.detach(|| simulator.run(CHUNK))? {
            py.check_signals()?;
        }
        let Simulator { simulation, sets, bricks, refusals, fill, time, .. } = simulator;
        let plan = Self { inventory: simulation.into_inventory(), policy: self.policy.clone() };
        Ok((sets, bricks, refusals, fill, time.as_secs_f64(), plan))
    }

    /// All devices, as JSON.
    fn devices(&self, py: Python<'_>) -> String {
        let devices = py.detach(|| self.inventory.devices().map(|device| self.device(device)).collect::<Vec<_>>());
        Json::Array(devices).to_string()
    }

    /// All volumes, as JSON; not those that an operation of the state is just making or deleting.
    fn volumes(&self, py: Python<'_>) -> String {
        let volume = |volume: &Arc<heketi_core::model::Volume>| {
            json!({
                "id": volume.id.to_string(), "name": volume.name, "cluster": volume.cluster.to_string(),
                "size": volume.size.0, "durability": volume.durability.to_string().replace(' ', ":"),
                "bricks": self.inventory.bricks_of_volume(volume.id).count(),
            })
        };
        let seen = |it: &&Arc<heketi_core::model::Volume>| !self.inventory.is_volume_hidden(it.id);
        py.detach(|| Json::Array(self.inventory.volumes().filter(seen).map(volume).collect())).to_string()
    }
}

impl Plan {
    fn device(&self, device: &heketi_core::model::Device) -> Json {
        let node = self.inventory.node(device.node);
        let free = self.inventory.free(device);
        json!({
            "id": device.id.to_string(), "name": device.name, "state": device.state.to_string(), "tags": device.tags,
            "node": device.node.to_string(),
            "host": node.map(|node| node.manage_host().to_owned()),
            "zone": node.map(|node| node.zone),
            "cluster": node.map(|node| node.cluster.to_string()),
            "total": device.total.0, "free": free.0, "used": device.total.saturating_sub(free).0,
            "bricks": self.inventory.bricks_of_device(device.id).count(),
        })
    }

    fn capacity_of(&self, request: &Request) -> Result<Json, Failure> {
        let (policy, facts) = (&self.policy, Facts::default());
        let options = request.options(policy);
        let rule = request.rule(&options)?;
        let clusters = request.clusters(&self.inventory)?.into_iter().map(|cluster| {
            let wanted = request.wanted(cluster, policy, &options, rule.as_ref());
            let room = Room::gather(&self.inventory, &wanted, &facts, 0);
            let (splits, _) = sizing::splits(&wanted, policy);
            // How often the request fits: sets of the split it gets while there is room.
            let often =
                splits.iter().map(|split| room.sets(split.brick, u64::from(u32::MAX)) / u64::from(split.sets.max(1)));
            let slots = || self.inventory.slots_of_cluster(cluster);
            let largest = explain::largest(&self.inventory, &wanted, policy, &facts);
            json!({
                "cluster": cluster.to_string(),
                "largest": largest.map_or(0, |size| size.0),
                "volumes": often.max().unwrap_or(0),
                "devices": slots().count(),
                "free": slots().map(|slot| slot.free.0).sum::<u64>() / KIB_PER_GIB,
                "total": slots().map(|slot| slot.total.0).sum::<u64>() / KIB_PER_GIB,
            })
        });
        Ok(Json::Array(clusters.collect()))
    }

    fn explanation_of(&self, request: &Request) -> Result<Json, Failure> {
        let (policy, facts) = (&self.policy, Facts::default());
        let request = &request.checked;
        // As the engine looks.
        let look = |effort| choose_cluster(&self.inventory, request, policy, &facts, effort, 0);
        let chosen = look(Effort::Quick).and_then(|quick| quick.map_or_else(|| look(Effort::Exact), |it| Ok(Some(it))));
        let chosen = match chosen {
            Ok(Some(chosen)) => chosen,
            Ok(None) => return Err(Failure::Invalid("an exact look found no answer".into())),
            Err(error) => {
                let lines = explain_create(&self.inventory, request, policy, &facts);
                return Ok(json!({"fits": false, "text": error.text(), "lines": lines, "bricks": []}));
            }
        };
        let mut ids = heketi_core::id::SeededIds::new(1);
        let planned = VolumeCreate::plan(&self.inventory, request, &chosen, policy, &mut ids, NOW)?;
        let planned = planned.ok_or_else(|| Failure::Invalid("the choice does not fit the state".into()))?;
        let mut after = self.inventory.clone();
        let records = records(planned);
        let volume = records.iter().find_map(|change| match change {
            Change::Put(Record::Volume(volume)) => Some(volume.id),
            _ => None,
        });
        after.apply(&records).map_err(|error| Failure::Invalid(error.to_string()))?;
        let placed = volume.map(|volume| explain::placed(&after, volume)).unwrap_or_default();
        let bricks: Vec<Json> = placed
            .iter()
            .map(|brick| {
                json!({
                    "host": brick.host, "zone": brick.zone, "device": brick.device, "size": brick.size.0,
                    "set": brick.position.map(|at| at.set), "arbiter": brick.arbiter, "reason": brick.reason(),
                })
            })
            .collect();
        let lines: Vec<String> = placed
            .iter()
            .map(|brick| format!("{} on {} (zone {}): {}", brick.device, brick.host, brick.zone, brick.reason()))
            .collect();
        let cluster = chosen.cluster.to_string();
        let text = format!(
            "fits in cluster {cluster}: {} sets with bricks of {}",
            chosen.choice.sets.len(),
            chosen.choice.brick
        );
        Ok(json!({"fits": true, "text": text, "lines": lines, "bricks": bricks, "cluster": cluster}))
    }
}

/// The volume and its bricks as they are once the operation is over.
fn records(planned: Planned) -> ChangeSet {
    let wanted = |change: &&Change| matches!(change, Change::Put(Record::Volume(_) | Record::Brick(_)));
    planned.changes.iter().filter(wanted).cloned().collect()
}
