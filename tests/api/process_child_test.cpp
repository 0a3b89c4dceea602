// Starting processes, and how they end.

#include "process_support.hpp"

using namespace process_test;

TEST_CASE("a child's exit code and the signal that ended it come back") {
  in_both_worlds([] {
    const ExitStatus success = shell("exit 0").spawn().wait();
    CHECK(success.success());
    CHECK(success.code() == 0);
    CHECK_FALSE(success.signal().has_value());
    const ExitStatus failure = shell("exit 37").spawn().wait();
    CHECK_FALSE(failure.success());
    CHECK(failure.code() == 37);
    const ExitStatus killed = shell("kill -TERM $$").spawn().wait();
    CHECK_FALSE(killed.success());
    CHECK_FALSE(killed.code().has_value());
    CHECK(killed.signal() == SIGTERM);
  });
}

TEST_CASE("waiting again gives the same status, and the number is given up") {
  in_both_worlds([] {
    Child child = shell("exit 5").spawn();
    REQUIRE(child.id().has_value());
    const pid_t pid = *child.id();
    const ExitStatus first = child.wait();
    CHECK(child.wait() == first);
    CHECK(child.try_wait() == first);
    CHECK_FALSE(child.id().has_value());
    CHECK_FALSE(exists(pid));
  });
}

TEST_CASE("the siblings of a fiber that waits for a child go on") {
  Checked checked;
  checked.rt.block_on([] {
    Child child = shell("read line; exit 4").stdin_mode(Stdio::piped).spawn();
    auto waiting = runtime::spawn_local([&] { return child.wait().code(); });
    // wait() closes the child's input, which is what ends it: until then the task has not begun.
    CHECK_FALSE(child.try_wait().has_value());
    bool went_on = false;
    auto sibling = runtime::spawn_local([&] { went_on = true; });
    CHECK(waiting.join() == 4);
    CHECK(went_on);
    sibling.join();
  });
}

TEST_CASE("wait() closes the child's stdin first") {
  in_both_worlds([] {
    Child child = Command("cat").stdin_mode(Stdio::piped).stdout_mode(Stdio::null).spawn();
    CHECK(child.stdin_pipe().fd() >= 0);
    CHECK(child.wait().success());
    CHECK(child.stdin_pipe().fd() == -1);
  });
}

TEST_CASE("a child is killed, and waited for") {
  in_both_worlds([] {
    Child child = Command("sleep").arg("1000").spawn();
    const pid_t pid = child.id().value_or(0);
    CHECK_FALSE(child.try_wait().has_value());
    child.kill();
    CHECK_FALSE(exists(pid));
    CHECK(child.wait().signal() == SIGKILL);
    child.start_kill();  // nothing to do any more
    child.kill();
  });
}

TEST_CASE("start_kill() does not wait") {
  in_both_worlds([] {
    Child child = Command("sleep").arg("1000").spawn();
    child.start_kill();
    CHECK(child.id().has_value());
    CHECK(child.wait().signal() == SIGKILL);
  });
}

TEST_CASE("what cannot be executed is told by the call that failed") {
  in_both_worlds([] {
    CHECK(os_error_of([] { Command("/no/such/program").spawn(); }) == ENOENT);
    CHECK(os_error_of([] { Command("no-such-program-anywhere").spawn(); }) == ENOENT);
    CHECK(os_error_of([] { Command("").spawn(); }) == ENOENT);
    CHECK(os_error_of([] { Command("/etc/passwd").spawn(); }) == EACCES);
    CHECK(os_error_of([] { shell("exit 0").current_dir("/no/such/directory").spawn(); }) == ENOENT);
    try {
      Command("/no/such/program").current_dir("/").spawn();
      FAIL_CHECK("it was started");
    } catch (const std::system_error& error) {
      const std::string what = error.what();
      CHECK(occurrences(what, "posix_spawn") == 1);
      CHECK(occurrences(what, "/no/such/program") == 1);
    }
  });
}

TEST_CASE("words that the kernel would misread are refused") {
  const Limits limits;
  const std::string_view zero("a\0b", 3);
  CHECK(code_of([&] { Command command(zero); }) == Errc::invalid_argument);
  CHECK(code_of([&] { Command("true").arg(zero); }) == Errc::invalid_argument);
  CHECK(code_of([&] { Command("true").env("A", zero); }) == Errc::invalid_argument);
  CHECK(code_of([&] { Command("true").env("A=B", "C"); }) == Errc::invalid_argument);
  CHECK(code_of([&] { Command("true").env("", "C"); }) == Errc::invalid_argument);
  CHECK(code_of([&] { Command("true").env_remove("="); }) == Errc::invalid_argument);
  CHECK(code_of([&] { Command("true").current_dir(zero); }) == Errc::invalid_argument);
  CHECK(code_of([&] { Command("true").current_dir(""); }) == Errc::invalid_argument);
}

TEST_CASE("a cancelled wait leaves the child as it is") {
  Checked checked;
  checked.rt.block_on([] {
    Child child = Command("sleep").arg("1000").spawn();
    auto waiting = runtime::spawn_local([&] { child.wait(); });
    settle();
    waiting.abort();
    CHECK(code_of([&] { waiting.join(); }) == Errc::cancelled);
    CHECK_FALSE(child.try_wait().has_value());
    CHECK(code_of([&] { runtime::timeout(5ms, [&] { child.wait(); }); }) == Errc::elapsed);
    child.kill();
    CHECK(child.wait().signal() == SIGKILL);
  });
}

TEST_CASE("a destructor waits for a child while its task is unwound") {
  Checked checked;
  std::optional<int> code;
  checked.rt.block_on([&] {
    auto task = runtime::spawn_local([&] {
      Child child = shell("read line; exit 6").stdin_mode(Stdio::piped).spawn();
      const AtExit waits([&] { code = child.wait().code(); });
      wait_for_ever();
    });
    settle();
    task.abort();
    CHECK(code_of([&] { task.join(); }) == Errc::cancelled);
  });
  CHECK(code == 6);
}

TEST_CASE("whoever waits for a child that is destroyed ends with EBADF") {
  Checked checked;
  checked.rt.block_on([] {
    std::optional<Child> child(Command("sleep").arg("1000").kill_on_drop(true).spawn());
    auto waiting = runtime::spawn_local([&] { return os_error_of([&] { child->wait(); }); });
    settle();
    child.reset();
    CHECK(waiting.join() == EBADF);
    wait_for_reaper();
  });
}

TEST_CASE("what was moved from says so, and can be assigned to") {
  in_both_worlds([] {
    const auto refused = [](auto call) { CHECK(code_of(call) == Errc::invalid_argument); };
    Command command = shell("cat; exit 3");
    command.stdin_mode(Stdio::piped);
    Command command_now = std::move(command);
    refused([&] { command.arg("x"); });
    refused([&] { command.args({"x"}); });
    refused([&] { command.env("X", "x"); });
    refused([&] { command.env_remove("X"); });
    refused([&] { command.env_clear(); });
    refused([&] { command.current_dir("/"); });
    refused([&] { command.stdin_mode(Stdio::null); });
    refused([&] { command.stdout_mode(Stdio::null); });
    refused([&] { command.stderr_mode(Stdio::null); });
    refused([&] { command.kill_on_drop(true); });
    refused([&] { command.spawn(); });

    Child child = command_now.spawn();
    Child child_now = std::move(child);
    CHECK_FALSE(child.id());
    child.close_stdin();
    refused([&] { child.wait(); });
    refused([&] { child.try_wait(); });
    refused([&] { child.kill(); });
    refused([&] { child.start_kill(); });
    refused([&] { child.stdin_pipe(); });
    refused([&] { child.stdout_pipe(); });
    refused([&] { child.stderr_pipe(); });
    CHECK(child_now.id());

    child = std::move(child_now);
    CHECK(child.wait().code() == 3);
    command = std::move(command_now);
    CHECK(command.spawn().wait().code() == 3);
  });
}

TEST_CASE("two fibers wait for one child") {
  Checked checked;
  checked.rt.block_on([] {
    Child child = shell("sleep 0.02; exit 3").spawn();
    auto one = runtime::spawn_local([&] { return child.wait().code(); });
    auto other = runtime::spawn_local([&] { return child.wait().code(); });
    CHECK(one.join() == 3);
    CHECK(other.join() == 3);
  });
}

TEST_CASE("a runtime without I/O says so, and a plain thread needs none") {
  Checked checked(Builder().enable_io(false));
  Child child = shell("exit 2").spawn();
  checked.rt.block_on([&] { CHECK(code_of([&] { child.wait(); }) == Errc::io_disabled); });
  CHECK(child.wait().code() == 2);
}

TEST_CASE("a runtime waits for many children at once") {
  Checked checked;
  checked.rt.block_on([] {
    std::vector<JoinHandle<int>> tasks;
    for (int i = 0; i < 30; ++i) {
      tasks.push_back(
          runtime::spawn_local([i] { return shell("exit " + std::to_string(i)).spawn().wait().code().value_or(-1); }));
    }
    for (int i = 0; i < 30; ++i) CHECK(tasks[static_cast<std::size_t>(i)].join() == i);
  });
}
