//! Many requests, one after the other, as a Python program lists them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use heketi_core::api::VolumeCreateRequest;
use heketi_core::id::VolumeId;
use heketi_core::inventory::Inventory;
use heketi_core::model::Durability;
use heketi_core::placement::Policy;
use heketi_core::simulation::Simulation;
use heketi_core::units::Gib;
use heketi_core::{Error, ErrorKind};
use serde::Deserialize;

use super::wanted::Request;
use crate::failure::Failure;
use crate::settings::read;

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
    pub(super) simulation: Simulation,
    pub(super) sets: Vec<u32>,
    /// Bricks of all volumes and expansions that found a place.
    pub(super) bricks: u64,
    pub(super) refusals: Vec<(usize, String)>,
    pub(super) fill: Vec<(usize, f64)>,
    pub(super) time: Duration,
    acts: Vec<(Act, u32)>,
    at: usize,
    done_of_act: u32,
    total: usize,
    samples: usize,
    stop: bool,
    /// Kinds of requests that found no place, with the text, as long as nothing was deleted since.
    hopeless: BTreeMap<usize, String>,
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
        for (number, request) in written.into_iter().enumerate() {
            let count = request.count;
            let act = act(request, &mut kinds);
            acts.push((act.map_err(|error| at(number, &error))?, count));
        }
        let total = acts.iter().map(|(_, count)| *count as usize).sum();
        let simulation = Simulation::new(inventory.clone(), policy.clone());
        Ok(Self {
            fill: vec![(0, simulation.fill())],
            simulation,
            sets: Vec::new(),
            bricks: 0,
            refusals: Vec::new(),
            time: Duration::ZERO,
            acts,
            at: 0,
            done_of_act: 0,
            total,
            samples: samples.max(1),
            stop,
            hopeless: BTreeMap::new(),
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
                self.fill.push((self.sets.len(), self.simulation.fill()));
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
                let created = self.simulation.create(&request.checked);
                match &created {
                    Ok(sets) => self.bricks += bricks(*sets, request.checked.durability),
                    Err(error) if error.kind() == ErrorKind::CannotAllocate => {
                        self.hopeless.insert(*kind, error.text().to_owned());
                    }
                    Err(_) => {}
                }
                created
            }
            Act::Expand(name, gib) => {
                let volume = self.volume(name)?;
                let sets = self.simulation.expand(volume, Gib(*gib))?;
                let record = self.simulation.inventory().volume(volume).ok_or_else(Error::not_found)?;
                self.bricks += bricks(sets, record.durability);
                Ok(sets)
            }
            Act::Delete(name) => {
                self.simulation.delete(self.volume(name)?)?;
                self.hopeless.clear();
                Ok(0)
            }
        }
    }

    /// The volume of this name, in the first cluster that has one.
    fn volume(&self, name: &str) -> Result<VolumeId, Error> {
        let inventory = self.simulation.inventory();
        let found = inventory.clusters().find_map(|cluster| inventory.volume_named(cluster.id, name));
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no volume {name}")))
    }
}

fn bricks(sets: u32, durability: Durability) -> u64 {
    u64::from(sets) * u64::from(durability.set_size())
}

fn act(written: Written, kinds: &mut BTreeMap<String, usize>) -> Result<Act, Failure> {
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
