//! Many operations at once, each taken a stage further when the test says so.

use std::collections::BTreeMap;

use heketi_core::id::OperationId;
use heketi_core::operation::{Event, Planned};

use super::drive::{End, World};
use super::fake::Fault;
use super::plans::base;

/// The world, and the events that wait for its pending operations.
pub struct SideBySide {
    pub world: World,
    waiting: BTreeMap<OperationId, Event>,
}

/// One of all, by a number that may be larger than there are.
pub fn pick<T>(all: impl Iterator<Item = T>, i: usize) -> Option<T> {
    let mut all: Vec<T> = all.collect();
    if all.is_empty() { None } else { Some(all.swap_remove(i % all.len())) }
}

impl SideBySide {
    /// The base cluster, with nothing to do.
    pub fn new() -> Self {
        Self { world: base(), waiting: BTreeMap::new() }
    }

    pub fn begin(&mut self, planned: Planned) {
        self.waiting.insert(planned.operation, Event::Start);
        self.world.inventory.apply(&planned.changes).unwrap();
    }

    pub fn restart(&mut self) {
        self.world.restart();
        self.waiting.values_mut().for_each(|event| *event = Event::Resume);
    }

    /// Takes an operation one stage further, if there is one; the first step of the stage may go wrong.
    pub fn progress(&mut self, which: usize, fault: Option<Fault>) {
        if let Some(id) = pick(self.waiting.keys().copied(), which) {
            self.stage(id, fault);
        }
    }

    fn stage(&mut self, id: OperationId, fault: Option<Fault>) {
        let event = self.waiting.remove(&id).unwrap();
        let next = self.world.steps.len();
        self.world.mishaps.faults.extend(fault.map(|fault| (next, fault)));
        match self.world.stage(id, event) {
            Ok(outcomes) => drop(self.waiting.insert(id, Event::Outcomes(outcomes))),
            Err(End::Finished) => {}
            Err(End::Suspended | End::Killed) => drop(self.waiting.insert(id, Event::Resume)),
        }
        self.world.mishaps.faults.clear();
    }

    /// Takes all to their end.
    pub fn finish(&mut self) {
        for _ in 0..60 {
            let waiting: Vec<_> = self.waiting.keys().copied().collect();
            waiting.into_iter().for_each(|id| self.stage(id, None));
        }
        assert!(self.waiting.is_empty(), "{:?}\n{:#?}", self.waiting, self.world.log);
        self.world.fake.end_late(None);
    }
}
