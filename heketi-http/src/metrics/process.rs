use std::fs;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Clock ticks in a second as `/proc` counts them; Linux shows this unit to programs whatever its own is.
const TICKS: f64 = 100.0;
/// Bytes of a page in `/proc/self/stat`, on the machines heketi is built for.
const PAGE: f64 = 4096.0;

/// The usual measurements of a process, as far as `/proc` tells them.
pub(super) fn register(registry: &mut Registry) {
    let mut add = |name: &str, help: &str, value: Option<f64>| {
        let Some(value) = value else { return };
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    };
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program may hold blanks; the third field of proc(5) follows it.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let cpu = field(14).zip(field(15)).map(|(user, system)| (user + system) / TICKS);
    add("process_cpu_seconds_total", "Total user and system CPU time spent in seconds", cpu);
    add("process_virtual_memory_bytes", "Virtual memory size in bytes", field(23));
    add("process_resident_memory_bytes", "Resident memory size in bytes", field(24).map(|pages| pages * PAGE));
    let started = boot_time().zip(field(22)).map(|(boot, ticks)| boot + ticks / TICKS);
    add("process_start_time_seconds", "Start time of the process since unix epoch in seconds", started);
    let open = fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as f64);
    add("process_open_fds", "Number of open file descriptors", open);
    add("process_max_fds", "Maximum number of open file descriptors", max_files());
}

fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn max_files() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}
