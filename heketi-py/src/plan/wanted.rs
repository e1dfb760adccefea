//! A request for a volume, as planning needs it.

use heketi_core::api::{CheckedVolumeCreate, Validate, VolumeCreateRequest};
use heketi_core::id::ClusterId;
use heketi_core::inventory::Inventory;
use heketi_core::model::{TagRule, VolumeOptions};
use heketi_core::placement::{Policy, Wanted};

use crate::failure::Failure;
use crate::settings::read;

/// A request whose values are understood.
pub(super) struct Request {
    pub(super) checked: CheckedVolumeCreate,
}

impl Request {
    /// # Errors
    /// [`Failure`] with heketi's texts for wrong values.
    pub(super) fn read(json: &str) -> Result<Self, Failure> {
        Self::of(&read::<VolumeCreateRequest>(json)?)
    }

    pub(super) fn of(request: &VolumeCreateRequest) -> Result<Self, Failure> {
        request.validate().map_err(|error| Failure::Invalid(error.to_string()))?;
        Ok(Self { checked: request.check()? })
    }

    /// Options in the order they are set: the server's first ones, those of the request, the server's last ones.
    pub(super) fn options(&self, policy: &Policy) -> Vec<String> {
        let hosting: &[String] = if self.checked.block { &policy.block_hosting.options } else { &[] };
        let all = policy.pre_options.iter().chain(hosting).chain(&self.checked.options).chain(&policy.post_options);
        all.filter(|option| !option.is_empty()).cloned().collect()
    }

    pub(super) fn rule(&self, options: &[String]) -> Result<Option<TagRule>, Failure> {
        VolumeOptions(options).tag_rule().map_err(|error| Failure::Invalid(error.to_string()))
    }

    /// The clusters it may use.
    pub(super) fn clusters(&self, inventory: &Inventory) -> Result<Vec<ClusterId>, Failure> {
        if self.checked.clusters.is_empty() {
            return Ok(inventory.clusters().map(|cluster| cluster.id).collect());
        }
        let known = |text: &String| {
            let id = text.parse().ok().filter(|id| inventory.cluster(*id).is_some());
            id.ok_or_else(|| Failure::Invalid(format!("Cluster id {text} not found")))
        };
        self.checked.clusters.iter().map(known).collect()
    }

    pub(super) fn wanted<'a>(
        &self,
        cluster: ClusterId,
        policy: &Policy,
        options: &[String],
        rule: Option<&'a TagRule>,
    ) -> Wanted<'a> {
        let durability = self.checked.durability;
        Wanted {
            cluster,
            size: self.checked.size.kib(),
            durability,
            factor: self.checked.snapshot.factor,
            existing_bricks: 0,
            zones: VolumeOptions(options).zone_checking(policy.zone_checking),
            tag_rule: rule,
            arbiter: VolumeOptions(options).arbiter_files(durability, policy.average_file_size),
        }
    }
}
