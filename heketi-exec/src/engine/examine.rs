//! The state examiner: what the database says about gluster and LVM, and what each node reports.

use heketi_core::api::{ExaminedCluster, ExaminedMounts, ExaminedNode, LvmReport, LvmRow, LvmTable};
use heketi_core::id::{ClusterId, NodeId};
use heketi_core::inventory::Inventory;
use heketi_core::operation::{Action, LvmReportKind, Observation, Step, StepOutcome};

use super::Engine;

/// What the examiner saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// What it could not see, and how the volumes compare, in heketi v10's words.
    pub report: Vec<String>,
    /// By cluster.
    pub clusters: Vec<ExaminedCluster>,
}

/// What every node is asked, before the block volumes of each hosting volume.
const QUESTIONS: [Action; 5] = [
    Action::ReadVolumes,
    Action::ReadLvm { report: LvmReportKind::Pvs },
    Action::ReadLvm { report: LvmReportKind::Vgs },
    Action::ReadLvm { report: LvmReportKind::Lvs },
    Action::ReadMounts,
];

impl Engine {
    /// Asks every node of `inventory`, some at the same time, and compares its volumes with the recorded ones.
    /// Changes nothing.
    pub async fn examine(&self, inventory: &Inventory) -> Examination {
        let mut examination = Examination::default();
        for cluster in inventory.clusters() {
            let nodes: Vec<NodeId> = inventory.nodes_of_cluster(cluster.id).collect();
            let (actions, hosting) = questions(inventory, cluster.id);
            let steps = nodes.iter().filter_map(|id| inventory.node(*id)).flat_map(|node| {
                let step =
                    |action: &Action| Step { hosts: vec![node.host()], changes_gluster: None, action: action.clone() };
                actions.iter().map(step).collect::<Vec<_>>()
            });
            let outcomes = self.ask(steps.collect()).await;
            let mut examined = Vec::new();
            for (id, outcomes) in nodes.iter().zip(outcomes.chunks(actions.len())) {
                let host = inventory.node(*id).map(|node| node.host().manage).unwrap_or_default();
                examined.push(node(*id, &host, outcomes, &hosting, &mut examination.report));
            }
            if examined.is_empty() {
                examination.report.push(format!("not able to fetch any data from cluster {}", cluster.id));
            }
            compare(inventory, cluster.id, &examined, &mut examination.report);
            let nodes = Some(examined).filter(|nodes| !nodes.is_empty());
            examination.clusters.push(ExaminedCluster { cluster: cluster.id, nodes });
        }
        examination
    }
}

/// The questions to each node of a cluster, and the hosting volumes the last of them ask about: id and name.
fn questions(inventory: &Inventory, cluster: ClusterId) -> (Vec<Action>, Vec<(String, String)>) {
    let volumes = inventory.volumes_of_cluster(cluster).filter_map(|id| inventory.volume(id));
    let hosting: Vec<(String, String)> = volumes
        .filter(|volume| volume.hosting.is_some())
        .map(|volume| (volume.id.to_string(), volume.name.clone()))
        .collect();
    let lists = hosting.iter().map(|(_, name)| Action::ListBlockVolumes { hosting: name.clone() });
    (QUESTIONS.into_iter().chain(lists).collect(), hosting)
}

fn node(
    id: NodeId,
    host: &str,
    outcomes: &[StepOutcome],
    hosting: &[(String, String)],
    report: &mut Vec<String>,
) -> ExaminedNode {
    let mut node = ExaminedNode {
        node: id,
        volumes: None,
        physical_volumes: None,
        volume_groups: None,
        logical_volumes: None,
        mounts: None,
        block_volumes: None,
    };
    let table = |table: LvmTable| Some(LvmReport { report: vec![table] });
    for (place, outcome) in outcomes.iter().enumerate() {
        match (place, outcome) {
            (0, Ok(Observation::VolumeDetails(volumes))) => node.volumes = Some(volumes.clone().into()),
            (0, _) => report.push(format!("could not fetch data from node {host}")),
            (1, Ok(Observation::LvmRows(rows))) => {
                node.physical_volumes = table(LvmTable { pv: some(rows), ..LvmTable::default() });
            }
            (2, Ok(Observation::LvmRows(rows))) => {
                node.volume_groups = table(LvmTable { vg: some(rows), ..LvmTable::default() });
            }
            (3, Ok(Observation::LvmRows(rows))) => {
                node.logical_volumes = table(LvmTable { lv: some(rows), ..LvmTable::default() });
            }
            (4, Ok(Observation::Mounts(mounts))) => node.mounts = Some(ExaminedMounts { statuses: mounts.clone() }),
            (4, failed) => {
                report.push(format!("could not fetch brick mount status from node {host} : {}", why(failed)));
            }
            (1..=3, failed) => {
                let kind = ["pvs", "vgs", "lvs"][place - 1];
                report.push(format!("could not fetch LVM {kind} data from node {host} : {}", why(failed)));
            }
            (_, outcome) => {
                let Some((volume, name)) = hosting.get(place - QUESTIONS.len()) else { continue };
                match outcome {
                    Ok(Observation::BlockVolumes(names)) => {
                        let found = names.iter().map(|block| format!("{name}/{block}"));
                        if !names.is_empty() {
                            node.block_volumes.get_or_insert_default().extend(found);
                        }
                    }
                    failed => report.push(format!(
                        "could not fetch block volume list for block hosting volume {volume} : {}",
                        why(failed)
                    )),
                }
            }
        }
    }
    node
}

fn some(rows: &[LvmRow]) -> Option<Vec<LvmRow>> {
    Some(rows.to_vec())
}

fn why(outcome: &StepOutcome) -> String {
    match outcome {
        Ok(_) => "it gave another answer than was asked for".to_owned(),
        Err(failure) => failure.text.clone(),
    }
}

/// Does each node list the volumes of the database and no others?
fn compare(inventory: &Inventory, cluster: ClusterId, nodes: &[ExaminedNode], report: &mut Vec<String>) {
    let recorded = inventory.volumes_of_cluster(cluster).filter_map(|id| inventory.volume(id));
    let mut recorded: Vec<&str> = recorded.map(|volume| volume.name.as_str()).collect();
    recorded.sort_unstable();
    let before = report.len();
    for node in nodes {
        let Some(volumes) = &node.volumes else {
            report.push(format!(
                "heketi volume list could not be compared with volume list of node {} due to missing info",
                node.node
            ));
            continue;
        };
        let listed = volumes.volumes.list.iter().flatten();
        let mut listed: Vec<&str> = listed.map(|volume| volume.name.as_str()).collect();
        listed.sort_unstable();
        if listed != recorded {
            report.push(format!("heketi volume list does not match with volume list of node {}", node.node));
        }
    }
    if report.len() == before {
        report.push("heketi volume list matches with volume list of all nodes".to_owned());
    }
}
