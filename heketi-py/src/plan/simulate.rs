//! Many requests, one after the other: each placed as the engine places it, nothing done on any node.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use heketi_core::api::VolumeCreateRequest;
use heketi_core::id::{SeededIds, VolumeId};
use heketi_core::inventory::{Change, ChangeSet, Inventory, Key, Record};
use heketi_core::operation::{VolumeCreate, VolumeExpand, choose_cluster, choose_expansion};
use heketi_core::placement::{Effort, Facts, Policy};
use heketi_core::units::Gib;
use heketi_core::{Error, ErrorKind};
use serde::Deserialize;

use super::wanted::Request;
use super::{NOW, records};
use crate::failure::Failure;
use crate::settings::read;

/// Ids of what is made: any seed will do, the same requests give the same devices.
const SEED: u64 = 0x7369_6d75_6c61_7465;

/// One request as it is written.
#[derive(Debug, Deserialize)]
struct Written {
    /// `create`, `expand` or `delete`.
    #[serde(default)]
    op: String,
    /// How often.
    #[serde(default = "once")]
    count: u32,
    /// For `expand`: by how many GiB.
    #[serde(default)]
    expand_size: u64,
    #[serde(flatten)]
    volume: VolumeCreateRequest,
}

fn once() -> u32 {
    1
}

enum Act {
    /// With the number of its kind: equal requests have the same.
    Create(Box<Request>, usize),
    Expand(String, u64),
    Delete(String),
}

/// A simulation on its way.
pub(super) struct Simulator {
    pub(super) inventory: Inventory,
    pub(super) sets: Vec<u32>,
    pub(super) refusals: Vec<(usize, String)>,
    pub(super) fill: Vec<(usize, f64)>,
    pub(super) time: Duration,
    policy: Policy,
    acts: Vec<(Act, u32)>,
    at: usize,
    done_of_act: u32,
    total: usize,
    samples: usize,
    stop: bool,
    ids: SeededIds,
    named: BTreeMap<String, VolumeId>,
    /// Kinds of requests that found no place, with the text, as long as nothing was deleted since.
    hopeless: BTreeMap<usize, String>,
    space: Space,
}

/// Space of all devices, in KiB.
#[derive(Clone, Copy, Default)]
struct Space {
    used: u64,
    total: u64,
}

impl Space {
    fn of(inventory: &Inventory) -> Self {
        inventory.devices().fold(Self::default(), |sum, device| {
            let used = device.total.saturating_sub(inventory.free(device)).0;
            Self { used: sum.used + used, total: sum.total + device.total.0 }
        })
    }

    fn part(self) -> f64 {
        self.used as f64 / self.total.max(1) as f64
    }
}

impl Simulator {
    /// # Errors
    /// [`Failure::Invalid`] that tells which request is wrong, before any is looked at.
    pub(super) fn new(
        inventory: &Inventory,
        policy: &Policy,
        requests: &str,
        samples: usize,
        stop: bool,
    ) -> Result<Self, Failure> {
        let written: Vec<Written> = read(requests)?;
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        let mut acts = Vec::with_capacity(written.len());
        let mut names = BTreeSet::new();
        for (number, request) in written.into_iter().enumerate() {
            let count = request.count;
            let act = act(request, &mut kinds, &mut names);
            acts.push((act.map_err(|error| at(number, &error))?, count));
        }
        let total = acts.iter().map(|(_, count)| *count as usize).sum();
        let space = Space::of(inventory);
        Ok(Self {
            inventory: inventory.clone(),
            sets: Vec::with_capacity(total),
            refusals: Vec::new(),
            fill: vec![(0, space.part())],
            time: Duration::ZERO,
            policy: policy.clone(),
            acts,
            at: 0,
            done_of_act: 0,
            total,
            samples: samples.max(1),
            stop,
            ids: SeededIds::new(SEED),
            named: inventory.volumes().map(|volume| (volume.name.clone(), volume.id)).collect(),
            hopeless: BTreeMap::new(),
            space,
        })
    }

    /// Does up to `limit` requests; true if there are more.
    pub(super) fn run(&mut self, limit: usize) -> Result<bool, Failure> {
        let started = Instant::now();
        let every = self.total.div_ceil(self.samples).max(1);
        // Taken out, so that the requests can be read while the rest changes.
        let acts = std::mem::take(&mut self.acts);
        let mut more = true;
        for _ in 0..limit {
            let Some((act, count)) = acts.get(self.at) else {
                more = false;
                break;
            };
            if self.done_of_act >= *count {
                (self.at, self.done_of_act) = (self.at + 1, 0);
                continue;
            }
            self.done_of_act += 1;
            let number = self.sets.len();
            match self.one(act) {
                Ok(sets) => self.sets.push(sets),
                Err(error) if error.kind() == ErrorKind::Internal => return Err(error.into()),
                Err(error) => {
                    self.sets.push(0);
                    self.refusals.push((number, error.text().to_owned()));
                    if self.stop {
                        more = false;
                    }
                }
            }
            if self.sets.len().is_multiple_of(every) || self.sets.len() == self.total || !more {
                self.fill.push((self.sets.len(), self.space.part()));
            }
            if !more {
                break;
            }
        }
        self.acts = acts;
        self.time += started.elapsed();
        Ok(more)
    }

    fn one(&mut self, act: &Act) -> Result<u32, Error> {
        match act {
            Act::Create(request, kind) => {
                if let Some(text) = self.hopeless.get(kind) {
                    return Err(Error::new(ErrorKind::CannotAllocate, text.clone()));
                }
                let created = self.create(request);
                if let Err(error) = &created
                    && error.kind() == ErrorKind::CannotAllocate
                {
                    self.hopeless.insert(*kind, error.text().to_owned());
                }
                created
            }
            Act::Expand(name, gib) => self.expand(name, Gib(*gib)),
            Act::Delete(name) => self.delete(name),
        }
    }

    fn create(&mut self, request: &Request) -> Result<u32, Error> {
        let (checked, facts) = (&request.checked, Facts::default());
        let quick = choose_cluster(&self.inventory, checked, &self.policy, &facts, Effort::Quick, 0)?;
        let chosen = match quick {
            Some(chosen) => Some(chosen),
            None => choose_cluster(&self.inventory, checked, &self.policy, &facts, Effort::Exact, 0)?,
        };
        let chosen = chosen.ok_or_else(|| Error::internal("an exact look found no answer"))?;
        let planned = VolumeCreate::plan(&self.inventory, checked, &chosen, &self.policy, &mut self.ids, NOW)?;
        let changes = records(planned.ok_or_else(|| Error::internal("the choice does not fit the state"))?);
        if let Some(name) = &checked.name {
            let id = changes.iter().find_map(|change| match change {
                Change::Put(Record::Volume(volume)) => Some(volume.id),
                _ => None,
            });
            self.named.extend(id.map(|id| (name.clone(), id)));
        }
        self.apply(&changes)?;
        Ok(u32::try_from(chosen.choice.sets.len()).unwrap_or(u32::MAX))
    }

    fn expand(&mut self, name: &str, by: Gib) -> Result<u32, Error> {
        let (id, facts) = (self.volume(name)?, Facts::default());
        let choice = choose_expansion(&self.inventory, id, by, &self.policy, &facts, Effort::Exact, 0)?;
        let choice = choice.ok_or_else(|| Error::internal("an exact look found no answer"))?;
        let planned = VolumeExpand::plan(&self.inventory, id, by, &choice, &self.policy, &mut self.ids, NOW)?;
        let planned = planned.ok_or_else(|| Error::internal("the choice does not fit the state"))?;
        let mut volume = self.inventory.volume(id).ok_or_else(Error::not_found)?.as_ref().clone();
        volume.size = Gib(volume.size.0 + by.0);
        let bricks = records(planned);
        let mut changes = ChangeSet::default();
        changes.put_volume(volume);
        for change in bricks.iter() {
            if let Change::Put(Record::Brick(brick)) = change {
                changes.put_brick(brick.clone());
            }
        }
        self.apply(&changes)?;
        Ok(u32::try_from(choice.sets.len()).unwrap_or(u32::MAX))
    }

    fn delete(&mut self, name: &str) -> Result<u32, Error> {
        let id = self.volume(name)?;
        let mut changes = ChangeSet::default();
        let mut given_back = 0;
        let bricks = self.inventory.bricks_of_volume(id).filter_map(|brick| self.inventory.brick(brick));
        for brick in bricks {
            given_back += brick.charge().0;
            changes.delete(Key::Brick(brick.id));
        }
        changes.delete(Key::Volume(id));
        self.inventory.apply(&changes).map_err(|error| Error::internal(error.to_string()))?;
        self.space.used = self.space.used.saturating_sub(given_back);
        self.named.remove(name);
        self.hopeless.clear();
        Ok(0)
    }

    fn volume(&self, name: &str) -> Result<VolumeId, Error> {
        let missing = || Error::new(ErrorKind::NotFound, format!("there is no volume {name}"));
        self.named.get(name).copied().ok_or_else(missing)
    }

    fn apply(&mut self, changes: &ChangeSet) -> Result<(), Error> {
        self.inventory.apply(changes).map_err(|error| Error::internal(error.to_string()))?;
        for change in changes.iter() {
            if let Change::Put(Record::Brick(brick)) = change {
                self.space.used += brick.charge().0;
            }
        }
        Ok(())
    }
}

fn act(written: Written, kinds: &mut BTreeMap<String, usize>, names: &mut BTreeSet<String>) -> Result<Act, Failure> {
    let Written { op, expand_size, volume, count } = written;
    let named = |name: &str| if name.is_empty() { Err(invalid("it needs the name of a volume")) } else { Ok(()) };
    match op.as_str() {
        "" | "create" => {
            if !volume.name.is_empty() && count > 1 {
                return Err(invalid("volumes of the same name cannot be made more than once"));
            }
            let mut unnamed = volume.clone();
            unnamed.name = String::new();
            let next = kinds.len();
            // A named request may be refused for its name alone, so it is a kind of its own.
            let key = if volume.name.is_empty() { &unnamed } else { &volume };
            let kind = *kinds.entry(heketi_core::api::encode(key)).or_insert(next);
            names.insert(volume.name.clone());
            Ok(Act::Create(Box::new(Request::of(&volume)?), kind))
        }
        "expand" => {
            named(&volume.name)?;
            if expand_size == 0 {
                return Err(invalid("expand_size must be at least 1 GiB"));
            }
            Ok(Act::Expand(volume.name, expand_size))
        }
        "delete" => named(&volume.name).map(|()| Act::Delete(volume.name)),
        other => Err(invalid(&format!("op {other:?} is none of create, expand, delete"))),
    }
}

fn invalid(text: &str) -> Failure {
    Failure::Invalid(text.to_owned())
}

/// The failure with the number of the request that is wrong.
fn at(number: usize, failure: &Failure) -> Failure {
    let text = match failure {
        Failure::Refused(error) => error.to_string(),
        Failure::Invalid(text) => text.clone(),
        _ => return Failure::Invalid(format!("request {number} is wrong")),
    };
    Failure::Invalid(format!("request {number}: {text}"))
}
