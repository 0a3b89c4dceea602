// A cancelled task: every call that would wait ends with ECANCELED, bytes that were moved count more, and calls that
// need not wait succeed.

#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <functional>
#include <optional>

#include "posix_support.hpp"

using namespace posix_test;

namespace {

/// Aborts a task while it is parked in the call, and returns what the call said then.
Said aborted_in(std::function<ssize_t()> call) {
  std::optional<Said> said;
  on_fiber([&] {
    bool has_begun = false;
    auto parked = runtime::spawn_local([&] {
      has_begun = true;
      said = say(call);
      CHECK(runtime::this_task::is_cancelled());
      // The call did not throw, and a second one ends at once, too.
      CHECK(say([] { return runtime_usleep(1'000'000'000); }) == failed(ECANCELED));
    });
    settle();
    CHECK(has_begun);
    CHECK_FALSE(parked.is_finished());
    parked.abort();
    parked.join();
  });
  return said.value_or(Said{0, 0});
}

}  // namespace

TEST_CASE_FIXTURE(Limits, "reading and receiving end with ECANCELED") {
  const Pair p = make_sockets();
  const Pair pipe = make_pipe();
  const Fd event(::eventfd(0, EFD_CLOEXEC));
  char buffer[8];
  iovec part{buffer, 8};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  CHECK(aborted_in([&] { return runtime_read(p.a, buffer, 8); }) == failed(ECANCELED));
  CHECK(aborted_in([&] { return runtime_read(pipe.a, buffer, 8); }) == failed(ECANCELED));
  CHECK(aborted_in([&] { return runtime_read(event, buffer, 8); }) == failed(ECANCELED));
  CHECK(aborted_in([&] { return runtime_readv(pipe.a, &part, 1); }) == failed(ECANCELED));
  CHECK(aborted_in([&] { return runtime_recv(p.a, buffer, 8, 0); }) == failed(ECANCELED));
  CHECK(aborted_in([&] { return runtime_recvfrom(p.a, buffer, 8, 0, nullptr, nullptr); }) == failed(ECANCELED));
  CHECK(aborted_in([&] { return runtime_recvmsg(p.a, &message, 0); }) == failed(ECANCELED));
}

TEST_CASE_FIXTURE(Limits, "writing and sending end with ECANCELED when nothing has gone out, with a count otherwise") {
  const Pair p = make_sockets();
  const Pair pipe = make_pipe();
  std::string text(4 << 20, 'x');
  iovec part{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;

  // Empty at first: a part goes out.
  for (const int fd : {+p.b, +pipe.b}) {
    const Said said = aborted_in([&] { return runtime_write(fd, text.data(), text.size()); });
    CHECK(said.error == 0);
    CHECK(said.result > 0);
    CHECK(said.result < static_cast<ssize_t>(text.size()));
  }
  fill(p.b);
  fill(pipe.b);
  for (const int fd : {+p.b, +pipe.b}) {
    CHECK(aborted_in([&] { return runtime_write(fd, text.data(), text.size()); }) == failed(ECANCELED));
    CHECK(aborted_in([&] { return runtime_writev(fd, &part, 1); }) == failed(ECANCELED));
  }
  CHECK(aborted_in([&] { return runtime_send(p.b, text.data(), text.size(), 0); }) == failed(ECANCELED));
  CHECK(aborted_in([&] { return runtime_sendto(p.b, "x", 1, 0, nullptr, 0); }) == failed(ECANCELED));
  CHECK(aborted_in([&] { return runtime_sendmsg(p.b, &message, 0); }) == failed(ECANCELED));
}

TEST_CASE_FIXTURE(Limits, "MSG_WAITALL returns what it has when it is cancelled") {
  const Pair p = make_sockets();
  char buffer[8] = {};
  REQUIRE(::send(p.b, "abc", 3, 0) == 3);
  CHECK(aborted_in([&] { return runtime_recv(p.a, buffer, 8, MSG_WAITALL | MSG_PEEK); }) == done(3));
  CHECK(aborted_in([&] { return runtime_recv(p.a, buffer, 8, MSG_WAITALL); }) == done(3));
  CHECK(std::string(buffer) == "abc");
}

TEST_CASE_FIXTURE(Limits, "accept and poll end with ECANCELED") {
  const Listener listener;
  const Pair p = make_pipe();
  pollfd fds[] = {{p.a, POLLIN, 0}, {p.a, POLLPRI, 0}};
  CHECK(aborted_in([&] { return runtime_accept(listener.fd, nullptr, nullptr); }) == failed(ECANCELED));
  CHECK(aborted_in([&] { return runtime_accept4(listener.fd, nullptr, nullptr, 0); }) == failed(ECANCELED));
  CHECK(aborted_in([&] { return runtime_poll(fds, 2, -1); }) == failed(ECANCELED));
  CHECK(aborted_in([&] { return runtime_poll(fds, 1, 1'000'000); }) == failed(ECANCELED));
  CHECK(aborted_in([&] { return runtime_poll(nullptr, 0, -1); }) == failed(ECANCELED));
}

TEST_CASE_FIXTURE(Limits, "connect ends with ECANCELED, on TCP and on a Unix socket, while the listener is full") {
  const FullListener listener;
  const Fd late = make_tcp();
  const auto connect = [&] { return runtime_connect(late, generic(listener.address), sizeof listener.address); };
  CHECK(aborted_in(connect) == failed(ECANCELED));
  CHECK_FALSE(is_nonblocking(late));

  const FullUnixListener unix_listener("cancel");
  const Fd client = FullUnixListener::unix_socket();
  const auto unix_connect = [&] {
    return runtime_connect(client, unix_listener.generic_address(), sizeof unix_listener.address);
  };
  CHECK(aborted_in(unix_connect) == failed(ECANCELED));
}

TEST_CASE_FIXTURE(Limits, "the sleeping calls tell what was left") {
  const timespec time{100, 0};
  timespec left{0, 0};
  CHECK(aborted_in([&] { return runtime_nanosleep(&time, &left); }) == failed(ECANCELED));
  CHECK(left.tv_sec >= 60);
  CHECK(left.tv_sec < 100);
  CHECK(aborted_in([&] { return runtime_nanosleep(&time, nullptr); }) == failed(ECANCELED));
  const Said said = aborted_in([] { return static_cast<ssize_t>(runtime_sleep(100)); });
  CHECK(said.result > 60);
  CHECK(said.result <= 100);
  CHECK(aborted_in([] { return runtime_usleep(100'000'000); }) == failed(ECANCELED));
}

TEST_CASE_FIXTURE(Limits, "a lookup on a busy pool is left behind: EAI_SYSTEM with ECANCELED") {
  // One pool thread, and it is busy: the lookup waits in the queue for as long as we like.
  runtime::LocalRuntime rt = runtime::Builder().max_blocking_threads(1).build_local();
  Pair gate = make_pipe();
  rt.block_on([&] {
    auto busy = runtime::spawn_blocking([&] {
      char byte;
      return ::read(gate.a, &byte, 1);
    });
    addrinfo* answer = nullptr;
    Said said{};
    auto lookup = runtime::spawn_local([&] {
      errno = 0;
      const int code = runtime_getaddrinfo("localhost", nullptr, nullptr, &answer);
      said = Said{code, errno};
    });
    settle();
    CHECK_FALSE(lookup.is_finished());
    lookup.abort();
    lookup.join();
    CHECK(said == Said{EAI_SYSTEM, ECANCELED});
    CHECK(answer == nullptr);
    CHECK(::write(gate.b, "x", 1) == 1);
    CHECK(busy.join() == 1);
  });
}

TEST_CASE_FIXTURE(Limits, "what need not wait succeeds in a cancelled task") {
  const Pair p = make_sockets();
  const Pair pipe = make_pipe();
  const Listener listener;
  on_fiber([&] {
    auto task = runtime::spawn_local([&] {
      CHECK(runtime_usleep(1'000'000'000) == -1);
      char byte = '?';
      CHECK(say([&] { return runtime_send(p.b, "x", 1, 0); }) == done(1));
      CHECK(say([&] { return runtime_recv(p.a, &byte, 1, 0); }) == done(1));
      CHECK(say([&] { return runtime_write(pipe.b, "yz", 2); }) == done(2));
      CHECK(say([&] { return runtime_read(pipe.a, &byte, 1); }) == done(1));
      pollfd ready{pipe.a, POLLIN, 0};
      CHECK(say([&] { return runtime_poll(&ready, 1, -1); }) == done(1));
      const Fd client = make_tcp();
      CHECK(::connect(client, generic(listener.address), sizeof listener.address) == 0);
      const Fd accepted(runtime_accept(listener.fd, nullptr, nullptr));
      CHECK(say([&] { return runtime_recv(p.a, &byte, 1, MSG_DONTWAIT); }) == failed(EAGAIN));
      Fd closing(::dup(p.a));
      CHECK(say([&] { return runtime_close(closing.release()); }) == done(0));
    });
    settle();
    task.abort();
    task.join();
  });
}

TEST_CASE_FIXTURE(Limits, "a cancelled task does not begin a disk access, and finishes one that has begun") {
  const Fd file = make_temporary_file();
  on_fiber([&] {
    auto task = runtime::spawn_local([&] {
      CHECK(runtime_usleep(1'000'000'000) == -1);
      CHECK(say([&] { return runtime_write(file, "abc", 3); }) == failed(ECANCELED));
    });
    settle();
    task.abort();
    task.join();
    struct stat status {};
    CHECK(::fstat(file, &status) == 0);
    CHECK(status.st_size == 0);

    auto writer = runtime::spawn_local([&] { return say([&] { return runtime_write(file, "abc", 3); }); });
    runtime::yield_now();
    writer.abort();
    CHECK(writer.join() == done(3));
  });
}
