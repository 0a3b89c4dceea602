use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use tokio::sync::mpsc::channel as make_channel;
use tokio::sync::{Mutex, Notify};
use tokio::task::yield_now;

use crate::measure::{figure, least, Stopwatch};
use crate::options::Options;
use crate::runtime::{make_runtime, run, spawn};

/// Lock and unlock, again and again, in a task; nobody else wants it.
pub fn lock(options: &Options) {
    let total = options.count("total", 400_000);
    let slice = || async move {
        let mutex = Mutex::new(());
        let mut stopwatch = Stopwatch::thread();
        for _ in 0..total {
            drop(mutex.lock().await);
        }
        stopwatch.nanoseconds_per(total)
    };
    let runtime = make_runtime();
    figure("peer", least(|| run(&runtime, slice())), "ns/pair");
}

/// Two tasks, one of which is always waiting for the other; a hop is what one does to make the other go on, and the
/// other's way back into its code. `make` makes both for so many rounds.
fn hops<A, B>(options: &Options, make: impl Fn(u64) -> (A, B))
where
    A: Future<Output = ()> + 'static,
    B: Future<Output = ()> + 'static,
{
    let rounds = (options.count("total", 400_000) + 1) / 2;
    let runtime = make_runtime();
    let slice = || {
        let (first, second) = make(rounds);
        run(&runtime, async move {
            let mut stopwatch = Stopwatch::thread();
            let one = spawn(first);
            let other = spawn(second);
            one.await.unwrap();
            other.await.unwrap();
            stopwatch.nanoseconds_per(2 * rounds)
        })
    };
    figure("peer", least(slice), "ns/hop");
}

pub fn notify(options: &Options) {
    hops(options, |rounds| {
        let there = Rc::new(Notify::new());
        let back = Rc::new(Notify::new());
        let (there_too, back_too) = (there.clone(), back.clone());
        let first = async move {
            for _ in 0..rounds {
                there.notified().await;
                back.notify_one();
            }
        };
        let second = async move {
            for _ in 0..rounds {
                there_too.notify_one();
                back_too.notified().await;
            }
        };
        (first, second)
    });
}

pub fn channel(options: &Options) {
    hops(options, |rounds| {
        let (there, mut from_there) = make_channel::<u64>(1);
        let (back, mut from_back) = make_channel::<u64>(1);
        let first = async move {
            for _ in 0..rounds {
                back.send(from_there.recv().await.unwrap()).await.unwrap();
            }
        };
        let second = async move {
            for _ in 0..rounds {
                there.send(1).await.unwrap();
                from_back.recv().await.unwrap();
            }
        };
        (first, second)
    });
}

/// The lock goes to and fro: whoever unlocks hands it to the other, who waits for it, and then waits itself.
pub fn mutex(options: &Options) {
    hops(options, |rounds| {
        let mutex = Rc::new(Mutex::new(()));
        let repeat = move |mutex: Rc<Mutex<()>>| async move {
            let mut held = mutex.lock().await;
            yield_now().await; // until the other waits for it
            for _ in 0..rounds {
                drop(held);
                held = mutex.lock().await;
            }
            drop(held);
        };
        (repeat(mutex.clone()), repeat(mutex))
    });
}

/// Tokio has no condition variable. What its programs write instead is a value, and a `Notify` for those who wait for
/// it to change.
pub fn condition(options: &Options) {
    hops(options, |rounds| {
        let shared = Rc::new((Cell::new(0), Notify::new()));
        let steps = move |shared: Rc<(Cell<u64>, Notify)>, own: u64| async move {
            for _ in 0..rounds {
                while shared.0.get() != own {
                    shared.1.notified().await;
                }
                shared.0.set(1 - own);
                shared.1.notify_one();
            }
        };
        (steps(shared.clone(), 0), steps(shared, 1))
    });
}
