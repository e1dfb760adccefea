//! Makes a disk a device: look at it, then make it one physical volume in one volume group.

use serde::{Deserialize, Serialize};

use super::machine::{Context, Event, Turn, failure_texts, nothing_started, on_node, plan, settle};
use super::{Action, DeviceContents, DeviceReport, Host, Machine, Observation, Planned, StepOutcome, Work};
use crate::error::{Error, ErrorKind};
use crate::id::{DeviceId, IdSource, NodeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Object};
use crate::model::{Device, EntryState, Tags, volume_group_name};
use crate::units::{Kib, Timestamp};

/// A device to add.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceAddRequest {
    /// The node the disk is attached to.
    pub node: NodeId,
    /// Path of the disk.
    pub name: String,
    /// Tags of the device.
    pub tags: Tags,
    /// Overwrite what the disk holds, unless it is in use or another device's.
    pub destroy_data: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// What is on the disk?
    Inspect,
    /// It may be written now.
    SetUp,
    UndoSettle,
    UndoTearDown,
}

/// Makes a disk a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceAdd {
    device: DeviceId,
    node: NodeId,
    name: String,
    tags: Tags,
    destroy_data: bool,
    phase: Phase,
    /// The disk carried no physical volume, or was allowed to lose it: one without a volume group is ours.
    bare_is_ours: bool,
}

impl DeviceAdd {
    /// Plans to add a device.
    ///
    /// # Errors
    /// `NotFound` for the node; `Conflict` when the node has a device of that path or it is being added.
    pub fn plan(
        inventory: &Inventory,
        request: DeviceAddRequest,
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Planned, Error> {
        let node =
            inventory.node(request.node).ok_or_else(|| Error::new(ErrorKind::NotFound, "Node id does not exist"))?;
        let known = inventory.devices_of_node(node.id).filter_map(|id| inventory.device(id));
        for device in known {
            if device.name == request.name || device.paths.contains(&request.name) {
                let text =
                    format!("Device {} on {} is already in use (ID: {})", request.name, node.manage_host(), device.id);
                return Err(Error::new(ErrorKind::Conflict, text));
            }
        }
        let path = Object::DevicePath(node.id, request.name.clone());
        let busy = inventory.conflict(&path, Claim::Exclusive).is_some()
            || inventory.conflict(&Object::Node(node.id), Claim::Shared).is_some();
        if busy {
            return Err(Error::conflict());
        }
        let work = Work::DeviceAdd(Self {
            device: DeviceId::new(ids),
            node: node.id,
            name: request.name,
            tags: request.tags,
            destroy_data: request.destroy_data,
            phase: Phase::Inspect,
            bare_is_ours: false,
        });
        Ok(plan(work, ChangeSet::default(), ids, now))
    }

    fn undo(&mut self, host: Host) -> Turn {
        self.phase = Phase::UndoSettle;
        Turn::Run(settle([host]))
    }

    fn proceed(&mut self, context: &mut Context<'_>, host: Host, outcomes: &[StepOutcome]) -> Turn {
        match (self.phase, outcomes) {
            (Phase::Inspect, [Ok(Observation::Contents(contents))]) => self.judge(context, host, contents),
            (Phase::SetUp, [Ok(Observation::Device(report))]) => match flaw(context.inventory, report) {
                None => self.accept(context, report),
                Some(flaw) => {
                    let text = format!("Initializing device {} failed on {}: {flaw}", self.name, host.manage);
                    context.error.get_or_insert(text);
                    self.undo(host)
                }
            },
            (Phase::SetUp, [Err(failure)]) if nothing_started(failure) => {
                context.note_failure(outcomes);
                Turn::Finish(context.failed())
            }
            (Phase::SetUp, _) => {
                context.note_failure(outcomes);
                self.undo(host)
            }
            (Phase::UndoSettle, [Ok(_)]) => {
                self.phase = Phase::UndoTearDown;
                let action = Action::TearDownDevice {
                    device: self.name.clone(),
                    pv_uuid: None,
                    volume_group: volume_group_name(self.device),
                    bare_too: self.bare_is_ours,
                };
                Turn::Run(vec![on_node(host, action)])
            }
            (Phase::Inspect, _) => {
                context.note_failure(outcomes);
                Turn::Finish(context.failed())
            }
            (Phase::UndoTearDown, [Ok(_)]) => Turn::Finish(context.failed()),
            (Phase::UndoSettle | Phase::UndoTearDown, _) => Turn::Suspend(failure_texts(outcomes)),
        }
    }

    /// May the disk be written? Texts begin as heketi v10's, so that scripts which search for them work.
    fn judge(&mut self, context: &mut Context<'_>, host: Host, contents: &DeviceContents) -> Turn {
        match self.refusal(context.inventory, contents, &host.manage) {
            Some(text) => Turn::Finish(JobResult::Failed(text)),
            None => {
                self.phase = Phase::SetUp;
                self.bare_is_ours = true;
                let action = Action::SetUpDevice {
                    device: self.name.clone(),
                    volume_group: volume_group_name(self.device),
                    wipe: contents.signature.is_some() || contents.pv_uuid.is_some(),
                };
                Turn::Run(vec![on_node(host, action)])
            }
        }
    }

    fn refusal(&self, inventory: &Inventory, contents: &DeviceContents, host: &str) -> Option<String> {
        let name = &self.name;
        let unusable = |why: String| {
            Some(format!("Initializing device {name} failed (failed to check device contents): {why} on {host}"))
        };
        let hint = "use another disk, or add this one with --destroy-existing-data (destroydata) to overwrite it";
        if !contents.exists {
            return unusable("no such block device".to_owned());
        }
        if contents.read_only {
            return unusable("the device is read-only".to_owned());
        }
        if !contents.mount_points.is_empty() {
            return unusable(format!("the device is in use ({})", contents.mount_points.join(", ")));
        }
        if let Some(uuid) = &contents.pv_uuid {
            if let Some(owner) = inventory.devices().find(|device| device.pv_uuid.as_ref() == Some(uuid)) {
                return Some(format!("Device already in use (ID: {})", owner.id));
            }
            let group = contents.volume_group.as_deref().map(|vg| format!(" of volume group {vg}")).unwrap_or_default();
            let found = format!(
                "Initializing device {name} failed (aleady contains Physical Volume {uuid}): found an LVM physical \
                 volume{group} on {host}"
            );
            if !self.destroy_data {
                return Some(format!("{found}\n{hint}"));
            }
            if inventory.devices().any(|device| device.pv_uuid.is_none()) {
                return Some(format!("Can not destroy device, destroy may not be safe: {found}"));
            }
            if let Some(group) = &contents.volume_group {
                return Some(format!(
                    "Can not destroy device, destroy may not be safe: {found}\nremove volume group {group} on the node \
                     first if nobody needs it"
                ));
            }
            return None;
        }
        if !contents.children.is_empty() {
            return Some(format!(
                "Initializing device {name} failed (already initialized or contains data?): found {} on {host}\nremove \
                 them first if nobody needs them",
                contents.children.join(", ")
            ));
        }
        match &contents.signature {
            Some(signature) if !self.destroy_data => Some(format!(
                "Initializing device {name} failed (already initialized or contains data?): found {signature} on \
                 {host}\n{hint}"
            )),
            _ => None,
        }
    }

    fn accept(&self, context: &mut Context<'_>, report: &DeviceReport) -> Turn {
        context.changes.put_device(Device {
            id: self.device,
            node: self.node,
            name: self.name.clone(),
            paths: report.paths.clone(),
            pv_uuid: report.pv_uuid.clone(),
            tags: self.tags.clone(),
            state: EntryState::Online,
            total: report.total,
            foreign: report.total.saturating_sub(report.free),
            extent: report.extent,
        });
        Turn::Finish(JobResult::Done)
    }
}

impl Machine for DeviceAdd {
    fn type_name(&self) -> &'static str {
        "add-device"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("add", "Added")
    }

    fn object(&self) -> String {
        format!("device {}", self.name)
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        vec![
            (Object::Device(self.device), Claim::Exclusive),
            (Object::DevicePath(self.node, self.name.clone()), Claim::Exclusive),
            (Object::Node(self.node), Claim::Shared),
        ]
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let host = context
            .inventory
            .node(self.node)
            .map(|node| node.host())
            .ok_or_else(|| Error::internal(format!("operation adds a device to unknown node {}", self.node)))?;
        match event {
            Event::Start => {
                let action = Action::InspectDevice { device: self.name.clone() };
                Ok(Turn::Run(vec![on_node(host, action)]))
            }
            Event::Resume if self.phase == Phase::Inspect => Ok(Turn::Finish(context.failed())),
            Event::Resume => Ok(self.undo(host)),
            Event::Outcomes(outcomes) => Ok(self.proceed(context, host, &outcomes)),
        }
    }
}

/// Why a device that was set up cannot be used, or none.
fn flaw(inventory: &Inventory, report: &DeviceReport) -> Option<String> {
    if report.extent == Kib::ZERO {
        return Some("its volume group has no extent size".into());
    }
    let uuid = report.pv_uuid.as_ref()?;
    let owner = inventory.devices().find(|device| device.pv_uuid.as_ref() == Some(uuid))?;
    Some(format!("Device already in use (ID: {})", owner.id))
}
