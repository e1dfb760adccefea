//! Many requests one after the other on a state in memory, as `heketi.plan.simulate` does them: placements a second.

use heketi_benches::{CpuWatch, Scene, Shape, is_smoke_run};
use heketi_core::api::CheckedVolumeCreate;
use heketi_core::model::Durability;
use heketi_core::placement::Policy;
use heketi_core::simulation::Simulation;
use heketi_core::units::Gib;

fn request(gib: u64, durability: Durability) -> CheckedVolumeCreate {
    CheckedVolumeCreate::new(Gib(gib), durability)
}

/// What a run came to.
struct Run {
    seconds: f64,
    sets: u32,
    bricks: usize,
}

/// CPU time alone: other work on the machine does not count, except for what it takes of caches and of the clock.
fn run(devices: usize, requests: &[CheckedVolumeCreate], count: usize) -> Run {
    let policy = Policy { max_volumes: None, ..Policy::default() };
    let mut simulation = Simulation::new(Scene::new(devices, Shape::Even).inventory, policy);
    let watch = CpuWatch::start();
    let mut sets = 0;
    for request in requests.iter().cycle().take(count) {
        sets += simulation.create(request).expect("there is room");
    }
    let seconds = watch.elapsed().as_secs_f64();
    Run { seconds, sets, bricks: simulation.inventory().bricks().count() }
}

/// The quickest of some runs: others met more of that.
fn row(devices: usize, title: &str, requests: &[CheckedVolumeCreate], count: usize) {
    let tries = if is_smoke_run() { 1 } else { 5 };
    let runs = (0..tries).map(|_| run(devices, requests, count));
    let Some(Run { seconds, sets, bricks }) = runs.min_by(|a, b| a.seconds.total_cmp(&b.seconds)) else { return };
    let [volumes, sets, bricks] = [count as f64, f64::from(sets), bricks as f64].map(|it| it / seconds);
    println!("| {devices} | {title} | {count} | {volumes:.0} | {sets:.0} | {bricks:.0} |");
}

fn main() {
    let count = if is_smoke_run() { 200 } else { 50_000 };
    let replica = |gib| request(gib, Durability::Replicate { replica: 3 });
    println!("| devices | requests | volumes | volumes a second | brick sets a second | bricks a second |");
    println!("|--:|---|--:|--:|--:|--:|");
    for devices in [1_000, 10_000] {
        row(devices, "10 GiB, replica 3", &[replica(10)], count);
        row(devices, "1, 5, 10 and 20 GiB in turn, replica 3", &[1, 5, 10, 20].map(replica), count);
        row(devices, "10 GiB, one brick", &[request(10, Durability::None)], count);
        row(devices, "10 GiB, disperse 4+2", &[request(10, Durability::Disperse { data: 4, redundancy: 2 })], count);
    }
}
