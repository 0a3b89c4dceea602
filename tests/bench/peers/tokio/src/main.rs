//! Tokio doing the same work as our own programs, one figure a run:
//!
//!     tokio_peer --work WORK [--option value]...    `--work list` names the works it can do
//!
//! Which runtime that is, runtime.rs says.

mod echo;
mod measure;
mod options;
mod parked;
mod runtime;
mod sync;
mod tasks;
mod threads;

use options::{fail, Options};

/// A work prints its figures; the first is the peer's.
const WORKS: [(&str, fn(&Options)); 14] = [
    ("yield", tasks::give_way),
    ("spawn_join", tasks::spawn_join),
    ("spawn_batch", tasks::spawn_batch),
    ("skynet", tasks::skynet),
    ("sleep", tasks::sleep),
    ("lock", sync::lock),
    ("notify", sync::notify),
    ("channel", sync::channel),
    ("mutex", sync::mutex),
    ("condition", sync::condition),
    ("spawn_blocking", threads::spawn_blocking),
    ("mpsc", threads::mpsc),
    ("echo", echo::echo),
    ("parked", parked::parked),
];

fn main() {
    let options = Options::parse();
    let wanted = options.text("work", "");
    if wanted == "list" {
        WORKS.iter().for_each(|(name, _)| println!("{name}"));
        return;
    }
    runtime::choose(&options);
    match WORKS.iter().find(|(name, _)| *name == wanted) {
        Some((_, run)) => run(&options),
        None => fail(2, "--work takes what `--work list` names"),
    }
}
