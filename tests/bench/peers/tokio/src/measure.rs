use crate::options::fail;

/// How often a measurement is repeated within one run.
const SLICES: usize = 5;

pub fn figure(name: &str, value: f64, unit: &str) {
    println!("{name:<14} {value:.3} {unit}");
}

/// What each of five slices says, the least first.
fn slices(measure: impl FnMut() -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = std::iter::repeat_with(measure).take(SLICES).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// For what is timed by processor time: noise only ever adds.
pub fn least(measure: impl FnMut() -> f64) -> f64 {
    slices(measure)[0]
}

/// For what is timed by the clock on the wall.
pub fn median(measure: impl FnMut() -> f64) -> f64 {
    slices(measure)[SLICES / 2]
}

/// Nanoseconds.
fn now(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    if unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
        fail(1, "clock_gettime failed");
    }
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Time between two points of the program.
pub struct Stopwatch {
    clock: libc::clockid_t,
    start: i64,
    stop: i64,
}

impl Stopwatch {
    fn started(clock: libc::clockid_t) -> Stopwatch {
        Stopwatch { clock, start: now(clock), stop: 0 }
    }

    /// For work of one thread that never sleeps: what other programs take of the processor is not counted.
    pub fn thread() -> Stopwatch {
        Stopwatch::started(libc::CLOCK_THREAD_CPUTIME_ID)
    }

    /// For work that sleeps in between.
    pub fn process() -> Stopwatch {
        Stopwatch::started(libc::CLOCK_PROCESS_CPUTIME_ID)
    }

    /// For work that several threads share.
    pub fn wall() -> Stopwatch {
        Stopwatch::started(libc::CLOCK_MONOTONIC)
    }

    pub fn restart(&mut self) {
        self.start = now(self.clock);
    }

    pub fn stop(&mut self) {
        self.stop = now(self.clock);
    }

    /// Stops it, unless that was done before.
    pub fn nanoseconds_per(&mut self, count: u64) -> f64 {
        if self.stop == 0 {
            self.stop();
        }
        (self.stop - self.start) as f64 / count as f64
    }
}

/// Bytes, as /proc/self/status tells them.
pub fn memory(key: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    1024.0 * kilobytes.unwrap_or_else(|| fail(1, &format!("/proc/self/status does not tell {key}")))
}
