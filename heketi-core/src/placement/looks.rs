//! What looks at zones found, kept as long as it stays true.

use super::Wanted;
use super::pick::{Look, Sought};
use crate::id::ClusterId;
use crate::inventory::Inventory;
use crate::model::TagRule;

/// Kinds of bricks remembered for one zone; one more makes it forget the others.
const KINDS: usize = 16;

/// Looks at zones whose devices took nothing yet from the request at hand. They are true for one state, one set of
/// facts and one seed: whoever changes devices of a zone, or what is on them, says so with [`Looks::forget`]. Who
/// changes which zones there are begins with new ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looks {
    clusters: Vec<(ClusterId, Vec<Zone>)>,
}

/// A zone with devices that can take bricks.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    pub(super) zone: i64,
    found: Vec<(Kind, usize, Look)>,
}

/// What else a look depends on.
#[derive(Clone, Debug)]
struct Kind {
    sought: Sought,
    factor: f32,
    rule: Option<TagRule>,
}

impl Looks {
    /// The devices of a zone, or what is on them, changed.
    pub(crate) fn forget(&mut self, cluster: ClusterId, zone: i64) {
        let of_cluster = self.clusters.iter_mut().filter(|(id, _)| *id == cluster).flat_map(|(_, zones)| zones);
        for zone in of_cluster.filter(|it| it.zone == zone) {
            zone.found.clear();
        }
    }

    /// The zones of a cluster, ascending.
    pub(super) fn zones(&mut self, inventory: &Inventory, cluster: ClusterId) -> &mut [Zone] {
        let known = self.clusters.iter().position(|(id, _)| *id == cluster);
        let place = known.unwrap_or_else(|| {
            let zones = inventory.usable_zones(cluster).map(|zone| Zone { zone, found: Vec::new() });
            self.clusters.push((cluster, zones.collect()));
            self.clusters.len() - 1
        });
        self.clusters.get_mut(place).map(|(_, zones)| zones.as_mut_slice()).unwrap_or_default()
    }
}

impl Zone {
    /// What a look for such a brick found, if there was one.
    pub(super) fn found(&self, sought: Sought, wanted: &Wanted<'_>) -> Option<(usize, Look)> {
        let same = |kind: &Kind| {
            kind.sought == sought && kind.factor == wanted.factor && kind.rule.as_ref() == wanted.tag_rule
        };
        self.found.iter().find(|(kind, ..)| same(kind)).map(|(_, number, look)| (*number, *look))
    }

    pub(super) fn remember(&mut self, sought: Sought, wanted: &Wanted<'_>, (number, look): (usize, Look)) {
        if self.found.len() >= KINDS {
            self.found.clear();
        }
        let kind = Kind { sought, factor: wanted.factor, rule: wanted.tag_rule.cloned() };
        self.found.push((kind, number, look));
    }
}
