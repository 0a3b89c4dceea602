use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::measure::{figure, least, median, memory, Stopwatch};
use crate::options::{fail, Options};
use crate::runtime::{make_runtime, run, spawn};

/// Wakes itself and is pending once: the least that gives way. Unlike `yield_now` it does not let the driver look for
/// events first.
struct WakeByRef(bool);

impl Future for WakeByRef {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

struct Round {
    started: u64,
    finished: u64,
    stopwatch: Stopwatch,
}

/// N tasks that do nothing but give way K times each, as yield_round.hpp has it: the clock runs from the start of the
/// last to the end of the first.
async fn round<G>(tasks: u64, each: u64, give_way: fn() -> G) -> f64
where
    G: Future<Output = ()> + 'static,
{
    let round = Rc::new(RefCell::new(Round { started: 0, finished: 0, stopwatch: Stopwatch::thread() }));
    let body = |round: Rc<RefCell<Round>>| async move {
        round.borrow_mut().started += 1;
        if round.borrow().started == tasks {
            round.borrow_mut().stopwatch.restart();
        }
        for _ in 0..each {
            give_way().await;
        }
        round.borrow_mut().finished += 1;
        if round.borrow().finished == 1 {
            round.borrow_mut().stopwatch.stop();
        }
    };
    let handles: Vec<_> = (0..tasks).map(|_| spawn(body(round.clone()))).collect();
    for handle in handles {
        handle.await.unwrap();
    }
    let nanoseconds = round.borrow_mut().stopwatch.nanoseconds_per((each - 1) * tasks);
    nanoseconds
}

/// By `yield_now`, and as a figure of its own by what programs write for themselves.
pub fn give_way(options: &Options) {
    let tasks = options.count("tasks", 1_000);
    let each = (options.count("total", 100_000) / tasks).max(20);
    let runtime = make_runtime();
    figure("peer", least(|| run(&runtime, round(tasks, each, tokio::task::yield_now))), "ns/yield");
    figure("wake_by_ref", least(|| run(&runtime, round(tasks, each, || WakeByRef(false)))), "ns/yield");
}

pub fn spawn_join(options: &Options) {
    let total = options.count("total", 100_000);
    let spawn_and_join = || async move {
        let mut stopwatch = Stopwatch::thread();
        for _ in 0..total {
            spawn(async {}).await.unwrap();
        }
        stopwatch.nanoseconds_per(total)
    };
    let runtime = make_runtime();
    figure("peer", least(|| run(&runtime, spawn_and_join())), "ns/task");
}

async fn batch(tasks: u64) -> f64 {
    let mut handles = Vec::with_capacity(tasks as usize);
    let mut stopwatch = Stopwatch::thread();
    for _ in 0..tasks {
        handles.push(spawn(async {}));
    }
    for handle in handles {
        handle.await.unwrap();
    }
    stopwatch.nanoseconds_per(tasks)
}

pub fn spawn_batch(options: &Options) {
    let tasks = options.count("tasks", 100_000);
    let runtime = make_runtime();
    let first = run(&runtime, batch(tasks));
    let warm = options.choice("round", &["warm", "first"]) == "warm";
    figure("peer", if warm { least(|| run(&runtime, batch(tasks))) } else { first }, "ns/task");
}

/// Each node spawns ten children and adds up what they return.
fn spawn_node(first: u64, leaves: u64) -> JoinHandle<u64> {
    spawn(async move {
        if leaves == 1 {
            return first;
        }
        let share = leaves / 10;
        let children: Vec<_> = (0..10).map(|i| spawn_node(first + i * share, share)).collect();
        let mut sum = 0;
        for child in children {
            sum += child.await.unwrap();
        }
        sum
    })
}

pub fn skynet(options: &Options) {
    let leaves = options.count("leaves", 1_000_000);
    if (0..20).all(|digits| 10u64.checked_pow(digits) != Some(leaves)) {
        fail(2, "--leaves must be a power of 10");
    }
    let runtime = make_runtime();
    let build = || {
        let mut stopwatch = Stopwatch::wall();
        let sum = run(&runtime, async move { spawn_node(0, leaves).await.unwrap() });
        let milliseconds = stopwatch.nanoseconds_per(1_000_000);
        if sum != leaves * (leaves - 1) / 2 {
            fail(1, &format!("skynet: a wrong sum: {sum}"));
        }
        milliseconds
    };
    let first = build();
    figure("peer", median(build), "ms");
    figure("first", first, "ms");
    figure("peak", memory("VmHWM") / 1_048_576.0, "MiB");
}

/// Each sleeps 500 to 1,500 ms. Nothing runs in between, so the processor time is that of spawn, arm, fire and join.
async fn sleepers(tasks: u64) -> f64 {
    let mut random = 1u64;
    let mut handles = Vec::with_capacity(tasks as usize);
    let mut stopwatch = Stopwatch::process();
    for _ in 0..tasks {
        // A linear congruential generator, the same numbers in every run.
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let length = Duration::from_micros(500_000 + (random >> 33) % 1_000_001);
        handles.push(spawn(tokio::time::sleep(length)));
    }
    for handle in handles {
        handle.await.unwrap();
    }
    stopwatch.nanoseconds_per(tasks)
}

pub fn sleep(options: &Options) {
    let tasks = options.count("tasks", 100_000);
    let runtime = make_runtime();
    figure("peer", least(|| run(&runtime, sleepers(tasks))), "ns/sleep");
}
