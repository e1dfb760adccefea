//! What placing bricks costs as clusters grow, beside the ring of heketi v10, and how long others wait for it.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use heketi_benches::ring::{self, RingDevice};
use heketi_benches::{CpuWatch, Scene, Shape, Times, is_smoke_run, readable};
use heketi_core::api::CheckedVolumeCreate;
use heketi_core::id::{BrickId, SeededIds};
use heketi_core::inventory::Inventory;
use heketi_core::model::{Durability, TagRule, VolumeOptions, ZoneChecking};
use heketi_core::operation::{VolumeCreate, choose_cluster};
use heketi_core::placement::{Choice, Effort, Facts, Policy, Wanted, choose};
use heketi_core::units::{Gib, Timestamp};

const NOW: Timestamp = Timestamp(1_700_000_000);

/// Medians of a run, by group and name.
type Medians = BTreeMap<(&'static str, String), Duration>;

/// Runs one criterion bench and keeps the median of its samples' CPU time.
fn bench<T>(
    criterion: &mut Criterion,
    medians: &mut Medians,
    (group, name): (&'static str, String),
    mut work: impl FnMut() -> T,
) {
    let mut times = Times::default();
    criterion.benchmark_group(group).bench_function(&name, |bencher| {
        bencher.iter_custom(|rounds| {
            let (start, cpu) = (Instant::now(), CpuWatch::start());
            for _ in 0..rounds {
                black_box(work());
            }
            times.add(cpu.elapsed().div_f64(rounds.max(1) as f64));
            start.elapsed()
        });
    });
    medians.insert((group, name), times.median());
}

fn policy() -> Policy {
    Policy { max_volumes: None, ..Policy::default() }
}

fn request(gib: u64, options: &[&str]) -> CheckedVolumeCreate {
    let options = options.iter().map(|option| (*option).to_owned()).collect();
    CheckedVolumeCreate { options, ..CheckedVolumeCreate::new(Gib(gib), Durability::Replicate { replica: 3 }) }
}

fn wanted<'a>(scene: &Scene, request: &CheckedVolumeCreate, rule: Option<&'a TagRule>) -> Wanted<'a> {
    Wanted {
        cluster: scene.cluster,
        size: request.size.kib(),
        durability: request.durability,
        factor: 1.0,
        existing_bricks: 0,
        zones: VolumeOptions(&request.options).zone_checking(ZoneChecking::None),
        tag_rule: rule,
        arbiter: None,
    }
}

/// What the engine does under its lock for a volume without a tag rule: choose, plan, apply.
fn create(inventory: &Inventory, request: &CheckedVolumeCreate, effort: Effort, ids: &mut SeededIds) -> Inventory {
    let (policy, facts) = (policy(), Facts::default());
    let chosen = choose_cluster(inventory, request, &policy, &facts, effort, 0).expect("there is room");
    let chosen = chosen.expect("this effort finds it");
    let planned = VolumeCreate::plan(inventory, request, &chosen, &policy, ids, NOW).expect("may be planned");
    let mut after = inventory.clone();
    after.apply(&planned.expect("nothing changed meanwhile").changes).expect("fits the state");
    after
}

/// One brick set, and one whole volume, in a cluster of `devices` empty devices.
fn even(criterion: &mut Criterion, medians: &mut Medians, devices: usize) {
    let scene = Scene::new(devices, Shape::Even);
    let on_ring: Vec<RingDevice> = ring::devices(&scene.inventory, scene.cluster);
    let (policy, facts) = (policy(), Facts::default());
    let set = request(10, &[]);
    let wanted_set = wanted(&scene, &set, None);
    let volume = request(100, &[]);
    let wanted_volume = wanted(&scene, &volume, None);
    for (name, effort) in [("quick", Effort::Quick), ("exact", Effort::Exact)] {
        bench(criterion, medians, ("brick set", format!("{name}/{devices}")), || -> Choice {
            choose(&scene.inventory, &wanted_set, &policy, &facts, effort, 0).expect("there is room")
        });
        let mut ids = SeededIds::new(1);
        bench(criterion, medians, ("volume", format!("{name}/{devices}")), || {
            create(&scene.inventory, &volume, effort, &mut ids)
        });
    }
    let mut ids = SeededIds::new(1);
    bench(criterion, medians, ("brick set", format!("ring/{devices}")), || {
        let id = BrickId::new(&mut ids);
        ring::place_set(&on_ring, &wanted_set, set.size.kib(), &mut BTreeMap::new(), id).expect("there is room")
    });
    let mut ids = SeededIds::new(1);
    bench(criterion, medians, ("volume", format!("ring/{devices}")), || {
        ring::place(&on_ring, &wanted_volume, &policy, &mut ids).expect("there is room")
    });
}

/// How long each part of creating volumes takes, in CPU time; the lock is held for all but the long look.
#[derive(Default)]
struct Phases {
    quick_attempt: Times,
    long_look: Times,
    plan: Times,
    apply: Times,
    held: Times,
}

/// Creates `count` volumes one after the other as the engine does. They stay, so the cluster fills up.
fn creations(scene: &Scene, request: &CheckedVolumeCreate, count: usize) -> Phases {
    let (policy, facts) = (policy(), Facts::default());
    let (mut inventory, mut ids, mut phases) = (scene.inventory.clone(), SeededIds::new(3), Phases::default());
    for _ in 0..count {
        let start = CpuWatch::start();
        let quick = choose_cluster(&inventory, request, &policy, &facts, Effort::Quick, 0).expect("may be placed");
        let attempt = start.elapsed();
        phases.quick_attempt.add(attempt);
        let (chosen, mut held) = match quick {
            Some(chosen) => (chosen, attempt),
            None => {
                phases.held.add(attempt);
                let snapshot = inventory.clone();
                let start = CpuWatch::start();
                let exact = choose_cluster(&snapshot, request, &policy, &facts, Effort::Exact, 0);
                phases.long_look.add(start.elapsed());
                (exact.expect("there is room").expect("an exact look knows"), Duration::ZERO)
            }
        };
        let start = CpuWatch::start();
        let planned = VolumeCreate::plan(&inventory, request, &chosen, &policy, &mut ids, NOW).expect("may be planned");
        let planned = planned.expect("nothing changed meanwhile");
        let plan = start.elapsed();
        let start = CpuWatch::start();
        inventory.apply(&planned.changes).expect("fits the state");
        let apply = start.elapsed();
        held += plan + apply;
        phases.plan.add(plan);
        phases.apply.add(apply);
        phases.held.add(held);
    }
    phases
}

fn print_phases(title: &str, phases: &Phases) {
    println!("\n{title}\n\n| phase (CPU time) | times | median | p99 | longest |\n|---|--:|--:|--:|--:|");
    for (name, times) in [
        ("quick attempt (lock held)", &phases.quick_attempt),
        ("exact look on a snapshot (lock free)", &phases.long_look),
        ("plan (lock held)", &phases.plan),
        ("apply (lock held)", &phases.apply),
        ("**the lock is held at one stretch**", &phases.held),
    ] {
        let [median, p99, longest] = [50, 99, 100].map(|percent| readable(times.percentile(percent)));
        if times.count() > 0 {
            println!("| {name} | {} | {median} | {p99} | {longest} |", times.count());
        }
    }
}

/// Mixed sizes, almost full, strict zones, and tag rules that most devices meet, or nearly none: then the quick
/// look finds nothing.
fn mixed(criterion: &mut Criterion, medians: &mut Medians, devices: usize, count: usize) {
    let scene = Scene::new(devices, Shape::MixedAndFull);
    let options = ["user.heketi.zone-checking strict", "user.heketi.device-tag-match drive=ssd"];
    let hard = request(100, &options);
    let rule = TagRule::parse("drive=ssd").expect("a rule");
    let wanted_hard = wanted(&scene, &hard, Some(&rule));
    let (policy, facts) = (policy(), Facts::default());
    bench(criterion, medians, ("mixed, full", format!("exact/{devices}")), || {
        choose(&scene.inventory, &wanted_hard, &policy, &facts, Effort::Exact, 0).expect("there is room")
    });
    let on_ring: Vec<RingDevice> = ring::devices(&scene.inventory, scene.cluster);
    let mut ids = SeededIds::new(1);
    bench(criterion, medians, ("mixed, full", format!("ring/{devices}")), || {
        ring::place(&on_ring, &wanted_hard, &policy, &mut ids).expect("there is room")
    });
    let cluster = format!("{devices} mixed devices, 95 % full, strict zones: volumes of replica 3");
    let phases = creations(&scene, &request(100, &options[..1]), 10 * count);
    print_phases(&format!("{cluster}, 100 GiB"), &phases);
    let phases = creations(&scene, &hard, 2 * count);
    print_phases(&format!("{cluster}, 100 GiB, on the 80 % with a tag"), &phases);
    let rare = request(20, &[options[0], "user.heketi.device-tag-match drive=nvme"]);
    let phases = creations(&scene, &rare, count);
    print_phases(&format!("{cluster}, 20 GiB, on the 0.2 % with a tag"), &phases);
}

fn print_medians(medians: &Medians, sizes: &[usize]) {
    println!(
        "\n| placed | devices | quick | exact | ring of v10 | ring / quick | ring / exact | quick / quick at {} |",
        sizes[0]
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for group in ["brick set", "volume"] {
        let of = |name: &str, devices: usize| medians.get(&(group, format!("{name}/{devices}"))).copied();
        let base = of("quick", sizes[0]).unwrap_or_default();
        for &devices in sizes {
            let (Some(quick), Some(exact), Some(ring)) =
                (of("quick", devices), of("exact", devices), of("ring", devices))
            else {
                continue;
            };
            println!(
                "| {group} | {devices} | {} | {} | {} | {:.0} | {:.1} | {:.2} |",
                readable(quick),
                readable(exact),
                readable(ring),
                ring.div_duration_f64(quick),
                ring.div_duration_f64(exact),
                quick.div_duration_f64(base),
            );
        }
    }
    for ((group, name), median) in medians.iter().filter(|((group, _), _)| *group == "mixed, full") {
        println!("{group}, {name}: {}", readable(*median));
    }
}

fn main() {
    let smoke = is_smoke_run();
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let sizes: &[usize] = if smoke { &[100, 1_000] } else { &[1_000, 10_000, 100_000] };
    let mut medians = Medians::new();
    for devices in sizes {
        even(&mut criterion, &mut medians, *devices);
    }
    let (devices, count) = if smoke { (10_000, 10) } else { (100_000, 200) };
    mixed(&mut criterion, &mut medians, devices, count);
    print_medians(&medians, sizes);
    criterion.final_summary();
}
