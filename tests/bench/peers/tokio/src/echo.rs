use std::cell::RefCell;
use std::mem::{size_of, zeroed};
use std::process::Command;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::measure::{figure, least, Stopwatch};
use crate::options::{fail, Options};
use crate::runtime::{make_runtime, run, spawn};

/// This thread runs on the second processor, where there is one: the clients have the first.
fn pin() {
    unsafe {
        if libc::sysconf(libc::_SC_NPROCESSORS_ONLN) > 1 {
            let mut set: libc::cpu_set_t = zeroed();
            libc::CPU_SET(1, &mut set);
            if libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) != 0 {
                fail(1, "sched_setaffinity failed");
            }
        }
    }
}

/// Descriptors for so many connections.
fn allow(connections: u64) {
    let wanted = connections + 64;
    unsafe {
        let mut limit: libc::rlimit = zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        if limit.rlim_cur >= wanted {
            return;
        }
        limit.rlim_cur = wanted;
        limit.rlim_max = limit.rlim_max.max(wanted);
        if libc::setrlimit(libc::RLIMIT_NOFILE, &limit) != 0 {
            fail(77, "so many descriptors are not allowed here (ulimit -n)");
        }
    }
}

/// The clients. What goes wrong with them the server would wait for in vain: so the whole program ends.
fn start_clients(port: u16, connections: u64, total: u64) {
    let program = std::env::current_exe().unwrap().with_file_name("echo_client");
    let arguments = [port.into(), connections, total].map(|number: u64| number.to_string());
    let mut clients = Command::new(program).args(arguments).spawn().unwrap();
    std::thread::spawn(move || {
        if !clients.wait().unwrap().success() {
            fail(1, "the clients failed");
        }
    });
}

/// Times the messages between the first ones and the last.
struct Timed {
    warm_up: u64,
    total: u64,
    count: u64,
    stopwatch: Stopwatch,
}

impl Timed {
    fn add(&mut self) {
        self.count += 1;
        if self.count == self.warm_up {
            self.stopwatch.restart();
        } else if self.count == self.warm_up + self.total {
            self.stopwatch.stop();
        }
    }
}

async fn answer(mut stream: TcpStream, timed: Rc<RefCell<Timed>>) {
    let mut buffer = [0; 4096];
    // An error ends it as well: the clients say themselves what goes wrong.
    while let Ok(got @ 1..) = stream.read(&mut buffer).await {
        stream.write_all(&buffer[..got]).await.unwrap();
        timed.borrow_mut().add();
    }
}

/// A server of a task for each connection.
async fn serve(connections: u64, total: u64) -> f64 {
    let warm_up = 2 * connections + 1_000;
    let timed = Rc::new(RefCell::new(Timed { warm_up, total, count: 0, stopwatch: Stopwatch::thread() }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    start_clients(listener.local_addr().unwrap().port(), connections, warm_up + total + connections);
    let mut handles = Vec::new();
    for _ in 0..connections {
        let (stream, _) = listener.accept().await.unwrap();
        handles.push(spawn(answer(stream, timed.clone())));
    }
    for handle in handles {
        handle.await.unwrap();
    }
    if timed.borrow().count != warm_up + total + connections {
        fail(1, "messages were lost");
    }
    let microseconds = timed.borrow_mut().stopwatch.nanoseconds_per(total) / 1_000.0;
    microseconds
}

pub fn echo(options: &Options) {
    let connections = options.count("connections", 50);
    let total = options.count("total", 50_000);
    allow(connections);
    pin();
    let runtime = make_runtime();
    figure("peer", least(|| run(&runtime, serve(connections, total))), "us/message");
}
