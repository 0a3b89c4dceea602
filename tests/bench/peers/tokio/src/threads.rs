use tokio::runtime::Builder;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::spawn_blocking as offload;

use crate::measure::{figure, median, Stopwatch};
use crate::options::{fail, Options};
use crate::runtime::{make_runtime, run, spawn};

async fn round_trips(in_flight: u64, each: u64) {
    let one_after_the_other = move || async move {
        for _ in 0..each {
            offload(|| {}).await.unwrap();
        }
    };
    let handles: Vec<_> = (0..in_flight).map(|_| spawn(one_after_the_other())).collect();
    for handle in handles {
        handle.await.unwrap();
    }
}

/// Empty jobs to the pool and back; --in_flight of them at once.
pub fn spawn_blocking(options: &Options) {
    let in_flight = options.count("in_flight", 1);
    let each = options.count("total", 5_000) / in_flight;
    let threads = options.count("threads", 4) as usize;
    if each == 0 {
        fail(2, "--total must be at least --in_flight");
    }
    let slice = || {
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(threads).build().unwrap();
        run(&runtime, async move {
            round_trips(in_flight, 10).await; // the threads start once, not once per job
            let mut stopwatch = Stopwatch::wall();
            round_trips(in_flight, each).await;
            stopwatch.nanoseconds_per(in_flight * each)
        })
    };
    figure("peer", median(slice), "ns/job");
}

/// Messages from another thread to a task, through an unbounded channel.
pub fn mpsc(options: &Options) {
    let total = options.count("total", 1_000_000);
    let runtime = make_runtime();
    let slice = || {
        run(&runtime, async move {
            let (sender, mut receiver) = unbounded_channel();
            let mut stopwatch = Stopwatch::wall();
            let sending = std::thread::spawn(move || (0..total).for_each(|i| sender.send(i).unwrap()));
            let mut sum = 0;
            while let Some(value) = receiver.recv().await {
                sum += value;
            }
            let nanoseconds = stopwatch.nanoseconds_per(total);
            sending.join().unwrap();
            if sum != total * (total - 1) / 2 {
                fail(1, "messages were lost");
            }
            nanoseconds
        })
    };
    figure("peer", median(slice), "ns/message");
}
