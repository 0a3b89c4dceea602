use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::measure::{figure, memory};
use crate::options::{fail, Options};
use crate::runtime::{make_runtime, run, spawn};

async fn sleep_for_an_hour(start: impl FnOnce()) {
    start();
    sleep(Duration::from_secs(3_600)).await;
}

async fn wait_for(start: impl FnOnce(), awaited: JoinHandle<()>) {
    start();
    awaited.await.unwrap();
}

/// Spawns them and lets them come to where they are to be counted: each waits for the one before it (`chain`), sleeps
/// for an hour (`sleep`), or has not been polled yet (`unstarted`).
async fn bring_into(state: &str, tasks: u64, started: &Rc<Cell<u64>>) {
    let counter = || {
        let started = started.clone();
        move || started.set(started.get() + 1)
    };
    let mut previous = None;
    for _ in 0..tasks {
        let start = counter();
        let handle = match (state, previous.take()) {
            ("unstarted", _) => spawn(async move { start() }),
            ("chain", Some(awaited)) => spawn(wait_for(start, awaited)),
            _ => spawn(sleep_for_an_hour(start)),
        };
        previous = Some(handle);
    }
    if state != "unstarted" {
        // First come, first served: when this one has run, each of the others has had its turn.
        spawn(async {}).await.unwrap();
    }
}

fn mappings() -> f64 {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count() as f64
}

async fn count_memory(state: String, tasks: u64) {
    let n = tasks as f64;
    let started = Rc::new(Cell::new(0));
    let look = || [memory("VmRSS"), memory("VmPTE"), mappings()];
    look(); // what the first one takes for itself is not the tasks'
    let before = look();
    bring_into(&state, tasks, &started).await;
    let after = look();
    if started.get() != if state == "unstarted" { 0 } else { tasks } {
        fail(1, "the tasks are not in the state that was to be counted");
    }
    let [resident, tables, maps] = [0, 1, 2].map(|i| after[i] - before[i]);
    figure("peer", (resident + tables) / n, "B/task");
    figure("resident", resident / n, "B/task");
    figure("page_tables", tables / n, "B/task");
    figure("mappings", maps, "more");
    std::process::exit(0);
}

/// Memory while N tasks wait.
pub fn parked(options: &Options) {
    let tasks = options.count("tasks", 100_000);
    let state = options.choice("state", &["chain", "sleep", "unstarted"]).to_string();
    run(&make_runtime(), count_memory(state, tasks));
}
