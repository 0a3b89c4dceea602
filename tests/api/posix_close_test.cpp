// Closing a descriptor on which fibers wait, from the same thread, from another one, and behind the library's back.

#include <poll.h>
#include <sys/stat.h>

#include <functional>
#include <thread>
#include <vector>

#include "posix_support.hpp"

using namespace posix_test;

namespace {

struct Closer {
  const char* name;
  std::function<void(int fd)> close;
};

/// The ways to close: on a sibling fiber, and on a thread that knows of no runtime.
const Closer kClosers[] = {
    {"fiber", [](int fd) { CHECK(say([&] { return runtime_close(fd); }) == done(0)); }},
    {"thread", [](int fd) { std::thread([fd] { CHECK(say([&] { return runtime_close(fd); }) == done(0)); }).join(); }}};

/// What a call parked on a descriptor says when that is closed.
Said closed_under(Fd& fd, const Closer& closer, std::function<ssize_t()> call) {
  return on_fiber([&] {
    auto parked = runtime::spawn_local([&] { return say(call); });
    settle();
    CHECK_FALSE(parked.is_finished());
    closer.close(fd.release());
    return parked.join();
  });
}

}  // namespace

TEST_CASE_FIXTURE(Limits, "runtime_close ends every waiting call with EBADF, from a fiber and from any thread") {
  char buffer[8];
  for (const Closer& closer : kClosers) {
    CAPTURE(closer.name);
    for (const char* what : {"read", "recv", "waitall", "peekall", "write", "send", "accept"}) {
      CAPTURE(what);
      const std::string call = what;
      if (call == "accept") {
        Listener listener;
        const int fd = listener.fd;
        CHECK(closed_under(listener.fd, closer, [=] { return runtime_accept(fd, nullptr, nullptr); }) == failed(EBADF));
        continue;
      }
      Pair p = call == "read" ? make_pipe() : make_sockets();
      if (call == "write" || call == "send") fill(p.a);
      const int fd = p.a;
      Said expected = failed(EBADF);
      if (call == "waitall" || call == "peekall") {
        REQUIRE(::send(p.b, "ab", 2, 0) == 2);
        expected = done(2);  // bytes that came count more
      }
      const auto parked = [&]() -> ssize_t {
        if (call == "read") return runtime_read(fd, buffer, 8);
        if (call == "recv") return runtime_recv(fd, buffer, 8, 0);
        if (call == "waitall") return runtime_recv(fd, buffer, 8, MSG_WAITALL);
        if (call == "peekall") return runtime_recv(fd, buffer, 8, MSG_WAITALL | MSG_PEEK);
        if (call == "write") return runtime_write(fd, "x", 1);
        return runtime_send(fd, "x", 1, 0);
      };
      CHECK(closed_under(p.a, closer, parked) == expected);
    }
  }
}

TEST_CASE_FIXTURE(Limits,
                  "runtime_close shows in poll as POLLNVAL, and the other descriptors of that poll as they are") {
  for (const Closer& closer : kClosers) {
    CAPTURE(closer.name);
    Pair doomed = make_sockets();
    const Pair other = make_sockets();
    for (const short events : {short{POLLIN}, short{POLLPRI | POLLRDHUP}, short{0}}) {
      CAPTURE(events);
      Fd fd(::dup(doomed.a));
      pollfd fds[] = {{-1, POLLIN, 9}, {other.a, POLLIN, 9}, {fd, events, 9}, {fd, POLLIN, 9}, {-5, 0, 9}};
      CHECK(closed_under(fd, closer, [&] { return runtime_poll(fds, 5, -1); }) == done(2));
      CHECK(fds[0].revents == 0);
      CHECK(fds[1].revents == 0);
      CHECK(fds[2].revents == POLLNVAL);
      CHECK(fds[3].revents == POLLNVAL);
      CHECK(fds[4].revents == 0);
    }
  }
}

TEST_CASE_FIXTURE(Limits, "poll says POLLNVAL of a closed descriptor, though its number is another file's by now") {
  Pair doomed = make_sockets();
  const Pair innocent = make_sockets();
  REQUIRE(::send(innocent.b, "x", 1, 0) == 1);
  const int number = doomed.a;
  pollfd fds[] = {{-1, POLLIN, 9}, {number, POLLIN, 9}, {innocent.b, POLLIN, 9}};
  on_fiber([&] {
    auto poller = runtime::spawn_local([&] { return say([&] { return runtime_poll(fds, 3, -1); }); });
    settle();
    CHECK(runtime_close(doomed.a.release()) == 0);
    const Fd again(::fcntl(innocent.a, F_DUPFD_CLOEXEC, number));
    CHECK(again == number);
    CHECK(poller.join() == done(1));
  });
  CHECK(fds[1].fd == number);
  CHECK(fds[1].revents == POLLNVAL);
  CHECK(fds[2].revents == 0);
}

TEST_CASE_FIXTURE(Limits, "all who wait on one descriptor are told, in every runtime") {
  Pair p = make_sockets();
  const int fd = p.a;
  const auto wait_for_end = [fd] {
    char byte;
    return say([&] { return runtime_recv(fd, &byte, 1, 0); });
  };
  std::atomic<int> parked{0};
  std::thread other_runtime([&] {
    on_fiber([&] {
      auto waiting = runtime::spawn_local(wait_for_end);
      settle();
      ++parked;
      CHECK(waiting.join() == failed(EBADF));
    });
  });
  on_fiber([&] {
    auto first = runtime::spawn_local(wait_for_end);
    auto second = runtime::spawn_local(wait_for_end);
    settle();
    while (parked == 0) runtime::sleep_for(1ms);
    CHECK(runtime_close(p.a.release()) == 0);
    CHECK(first.join() == failed(EBADF));
    CHECK(second.join() == failed(EBADF));
  });
  other_runtime.join();
}

TEST_CASE_FIXTURE(Limits,
                  "a poll that only waits for urgent data is told, though a reader came to the descriptor after it") {
  Pair p = make_tcp_pair();
  const int fd = p.a;
  pollfd urgent{fd, POLLPRI, 9};
  on_fiber([&] {
    auto poller = runtime::spawn_local([&] { return say([&] { return runtime_poll(&urgent, 1, -1); }); });
    settle();
    char byte;
    auto reader = runtime::spawn_local([&] { return say([&] { return runtime_recv(fd, &byte, 1, 0); }); });
    settle();
    CHECK(runtime_close(p.a.release()) == 0);
    CHECK(poller.join() == done(1));
    CHECK(reader.join() == failed(EBADF));
  });
  CHECK(urgent.revents == POLLNVAL);
}

TEST_CASE_FIXTURE(Limits, "a number that is used again after runtime_close wakes only its new owner") {
  Pair old_pair = make_sockets();
  Pair new_pair = make_sockets();
  on_fiber([&] {
    const int fd = old_pair.a;
    char old_byte = '?', new_byte = '?';
    auto old_reader = runtime::spawn_local([&] { return say([&] { return runtime_recv(fd, &old_byte, 1, 0); }); });
    settle();
    CHECK(runtime_close(old_pair.a.release()) == 0);
    const Fd again(::fcntl(new_pair.a, F_DUPFD_CLOEXEC, fd));
    CHECK(again == fd);
    auto new_reader = runtime::spawn_local([&] { return say([&] { return runtime_recv(again, &new_byte, 1, 0); }); });
    settle();
    CHECK(::send(new_pair.b, "n", 1, 0) == 1);
    CHECK(new_reader.join() == done(1));
    CHECK(old_reader.join() == failed(EBADF));
    CHECK(new_byte == 'n');
    CHECK(old_byte == '?');
  });
}

TEST_CASE_FIXTURE(Limits, "a plain close wakes nobody; the number's next owner gets its own bytes") {
  Pair old_pair = make_sockets();
  const Pair new_pair = make_sockets();
  on_fiber([&] {
    const int fd = old_pair.a;
    bool old_woke = false;
    auto old_reader = runtime::spawn_local([&] {
      char byte;
      const Said said = say([&] { return runtime_recv(fd, &byte, 1, 0); });
      old_woke = true;
      return said;
    });
    settle();
    old_pair.a.reset();  // behind the library's back
    settle();
    CHECK_FALSE(old_woke);
    const Fd again(::fcntl(new_pair.a, F_DUPFD_CLOEXEC, fd));
    CHECK(again == fd);
    for (const char byte : {'a', 'b', 'c'}) {
      char got = '?';
      auto new_reader = runtime::spawn_local([&] { return say([&] { return runtime_recv(again, &got, 1, 0); }); });
      settle();
      CHECK_FALSE(new_reader.is_finished());
      CHECK(::send(new_pair.b, &byte, 1, 0) == 1);
      CHECK(new_reader.join() == done(1));
      CHECK(got == byte);
    }
    settle();
    CHECK_FALSE(old_woke);
    old_reader.abort();
    CHECK(old_reader.join() == failed(ECANCELED));
  });
}

TEST_CASE_FIXTURE(Limits, "a plain close under waits for both directions harms nobody when one of them ends first") {
  Pair pair = make_sockets();
  on_fiber([&] {
    const int fd = pair.a;
    auto reader = runtime::spawn_local([fd] {
      char byte;
      return say([&] { return runtime_recv(fd, &byte, 1, 0); });
    });
    auto writer = runtime::spawn_local([fd] {
      const std::vector<char> much(4 << 20);
      return say([&] { return runtime_send(fd, much.data(), much.size(), 0); });
    });
    settle();
    pair.a.reset();  // behind the library's back
    writer.abort();
    static_cast<void>(writer.join());
    CHECK_FALSE(reader.join_for(20ms));  // it waits on, as a thread would
    reader.abort();
    CHECK(reader.join() == failed(ECANCELED));
  });
}

TEST_CASE_FIXTURE(Limits, "a connect that waits for room does not go on with another file of its number") {
  const FullUnixListener listener("close");
  Fd client = FullUnixListener::unix_socket();
  const Fd innocent = FullUnixListener::unix_socket();
  const int number = client;
  on_fiber([&] {
    auto waiting = runtime::spawn_local([&] { return listener.connect(number); });
    settle();
    CHECK_FALSE(waiting.is_finished());
    CHECK(runtime_close(client.release()) == 0);
    const Fd again(::fcntl(innocent, F_DUPFD_CLOEXEC, number));
    CHECK(again == number);
    const Fd accepted(::accept(listener.fd, nullptr, nullptr));  // now there is room
    CHECK(waiting.join() == failed(EBADF));
  });
  sockaddr_un peer;
  socklen_t size = sizeof peer;
  CHECK(::getpeername(innocent, reinterpret_cast<sockaddr*>(&peer), &size) == -1);
}

TEST_CASE_FIXTURE(Limits, "runtime_shutdown wakes: recv gets the end, send EPIPE, accept EINVAL") {
  const Pair p = make_tcp_pair();
  const Listener listener;
  char byte;
  fill(p.a);
  on_fiber([&] {
    auto receiver = runtime::spawn_local([&] { return say([&] { return runtime_recv(p.a, &byte, 1, 0); }); });
    auto sender = runtime::spawn_local([&] { return say([&] { return runtime_send(p.a, "x", 1, MSG_NOSIGNAL); }); });
    auto acceptor =
        runtime::spawn_local([&] { return say([&] { return runtime_accept(listener.fd, nullptr, nullptr); }); });
    settle();
    CHECK(runtime_shutdown(p.a, SHUT_RDWR) == 0);
    CHECK(receiver.join() == done(0));
    CHECK(sender.join() == failed(EPIPE));
    CHECK(runtime_shutdown(listener.fd, SHUT_RD) == 0);
    CHECK(acceptor.join() == failed(EINVAL));
  });
}

TEST_CASE_FIXTURE(Limits, "closing a socket that lingers parks the fiber, and keeps what it says to errno") {
  const Fd listener = make_tcp();
  const sockaddr_in address = bind_loopback(listener);
  REQUIRE(::listen(listener, 8) == 0);
  Fd client = make_tcp();
  REQUIRE(::connect(client, generic(address), sizeof address) == 0);
  const Fd server(::accept(listener, nullptr, nullptr));
  fill(client);  // nobody reads: the data stays
  const linger option{1, 1};
  REQUIRE(::setsockopt(client, SOL_SOCKET, SO_LINGER, &option, sizeof option) == 0);
  on_fiber([&] {
    int turns = 0;
    auto closing = runtime::spawn_local([&] { return say([&] { return runtime_close(client.release()); }); });
    while (!closing.is_finished()) {
      ++turns;
      runtime::sleep_for(1ms);
    }
    CHECK(turns > 2);
    CHECK(closing.join() == done(0));
  });
}
