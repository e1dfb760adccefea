//! The database in heketi v10's form.

use std::sync::Arc;

use heketi_core::Error;
use heketi_core::api::StateExamination;
use heketi_core::interchange::{ConsistencyReport, V10Database};
use heketi_core::inventory::Inventory;
use heketi_exec::RandomIds;
use heketi_exec::engine::Engine;

pub(super) async fn dump(inventory: Arc<Inventory>) -> Result<V10Database, Error> {
    aside(move || written(&inventory)).await?
}

pub(super) async fn check(inventory: Arc<Inventory>) -> Result<ConsistencyReport, Error> {
    aside(move || Ok(written(&inventory)?.consistency(true))).await?
}

/// What the database says beside what the nodes report. `on_demand`: operations may run meanwhile.
pub(crate) async fn examine(engine: &Engine, on_demand: bool) -> Result<StateExamination, Error> {
    let mut report = Vec::new();
    if on_demand {
        let running = engine.tracked().len();
        report.push(format!("OnDemand Examiner invoked while {running} ops are in flight"));
    }
    let inventory = engine.durable_inventory();
    let heketidb = dump(inventory.clone()).await?;
    let seen = engine.examine(&inventory).await;
    report.extend(seen.report);
    Ok(StateExamination { heketidb, report, clusters: seen.clusters })
}

fn written(inventory: &Inventory) -> Result<V10Database, Error> {
    let written = V10Database::from_inventory(inventory, &mut RandomIds::default(), true);
    written.map_err(|error| Error::internal(error.to_string()))
}

/// Off the threads that serve: a large state takes its time.
async fn aside<T: Send + 'static>(make: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(make).await.map_err(|_| Error::internal("it ended by a defect"))
}
