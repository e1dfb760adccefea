//! The state on disk.

use std::sync::Arc;

use heketi_exec::store::{FileStore, Store};

use crate::support::*;

#[tokio::test]
async fn a_restart_finds_everything_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heketi.db");
    let sim = simulated(3);
    let engine = engine(&sim, Arc::new(FileStore::open(&path).unwrap()), config()).await;
    load(&engine, 3).await;
    let id = volume(&engine, engine.volume_create(replica3(2)).await).await;
    let before: Vec<_> = engine.durable_inventory().records().collect();
    engine.shut_down(LIMIT).await;
    drop(engine);

    // The commit thread lets go of the file shortly after the last engine is gone.
    let store = loop {
        match FileStore::open(&path) {
            Ok(store) => break store,
            Err(error) if error.0.contains("in use") => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            Err(error) => panic!("{error}"),
        }
    };
    let (records, _) = store.load().unwrap();
    assert_eq!(records.len(), before.len());
    let engine = crate::support::engine(&sim, Arc::new(store), config()).await;
    assert_eq!(engine.inventory().records().collect::<Vec<_>>(), before);
    let job = engine.volume_delete(id).await.unwrap();
    finished(&engine, job).await;
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
}
