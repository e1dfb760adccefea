use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A watch that stands still while other threads have the CPU, so that a busy machine does not count.
#[derive(Clone, Copy, Debug)]
pub struct CpuWatch(Duration);

impl CpuWatch {
    /// A watch that starts now. It belongs to the thread that started it.
    pub fn start() -> Self {
        Self(Self::now())
    }

    /// What this thread has worked since the start.
    pub fn elapsed(&self) -> Duration {
        Self::now().saturating_sub(self.0)
    }

    fn now() -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
}

/// Durations of one thing that was done many times.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Takes one more duration.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The duration that `percent` of all do not exceed; zero when there are none.
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }

    /// The middle one.
    pub fn median(&self) -> Duration {
        self.percentile(50)
    }
}

/// A duration with three digits and its unit.
pub fn readable(time: Duration) -> String {
    let nanos = time.as_nanos() as f64;
    let (value, unit) = match nanos {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

/// Only prove that the benches work: with `--quick` or `--test` on the command line, and when cargo runs them
/// as tests.
pub fn is_smoke_run() -> bool {
    let given = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    given("--quick") || given("--test") || !given("--bench")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_durations_that_were_seen() {
        let mut times = Times::default();
        assert_eq!(times.median(), Duration::ZERO);
        (1..=200).rev().for_each(|ms| times.add(Duration::from_millis(ms)));
        assert_eq!(times.median(), Duration::from_millis(100));
        assert_eq!(times.percentile(99), Duration::from_millis(198));
        assert_eq!(times.percentile(100), Duration::from_millis(200));
    }

    #[test]
    fn durations_have_three_digits() {
        for (nanos, text) in [(7, "7.00 ns"), (12_345, "12.3 µs"), (123_456_789, "123 ms"), (2_000_000_000, "2.00 s")]
        {
            assert_eq!(readable(Duration::from_nanos(nanos)), text);
        }
    }
}
