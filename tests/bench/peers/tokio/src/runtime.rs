//! Debian's Tokio has no `LocalRuntime` yet. There are two ways to have tasks that stay on one thread:
//!
//! - `--tasks_on runtime`, the default and the faster one: the tasks of a current-thread runtime, which is how a
//!   `LocalRuntime` keeps its own. It wants them to be `Send`, although it never sends them anywhere.
//! - `--tasks_on local_set`: a `LocalSet`, which asks for nothing, but is itself a task that is polled with every turn.
//!
//! What is measured runs in a task either way, as with ours, and not in the root of `block_on`.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Runtime};
use tokio::task::{spawn_local, JoinHandle, LocalSet};

use crate::options::Options;

static ON_LOCAL_SET: AtomicBool = AtomicBool::new(false);

/// Before anything is spawned.
pub fn choose(options: &Options) {
    let on_local_set = options.choice("tasks_on", &["runtime", "local_set"]) == "local_set";
    ON_LOCAL_SET.store(on_local_set, Ordering::Relaxed);
}

/// Says of anything that it may be sent to another thread. True here because nothing is: this program enters its
/// runtimes, and drops them, on its first thread alone.
struct Stays<T>(T);

unsafe impl<T> Send for Stays<T> {}

impl<F: Future> Future for Stays<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Sound: the field is never moved out of what is pinned.
        unsafe { self.map_unchecked_mut(|stays| &mut stays.0) }.poll(context)
    }
}

pub fn make_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub fn spawn<T: Send + 'static>(task: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    if ON_LOCAL_SET.load(Ordering::Relaxed) {
        spawn_local(task)
    } else {
        tokio::spawn(Stays(task))
    }
}

/// Runs it as a task, and until it has ended.
pub fn run<T: Send + 'static>(runtime: &Runtime, task: impl Future<Output = T> + 'static) -> T {
    let root = async { spawn(task).await.unwrap() };
    if ON_LOCAL_SET.load(Ordering::Relaxed) {
        LocalSet::new().block_on(runtime, root)
    } else {
        runtime.block_on(root)
    }
}
