// Children that nobody waits for: none is left as a zombie, and the program's SIGCHLD stays its own.

#include <fcntl.h>

#include <atomic>

#include "process_support.hpp"

using namespace process_test;

TEST_CASE("a dropped child goes on, and is reaped when it ends") {
  in_both_worlds([] {
    pid_t pid;
    {
      Child child = shell("read line").stdin_mode(Stdio::piped).spawn();
      pid = child.id().value_or(0);
      runtime::io::PipeWriter keeps_it_alive = std::move(child.stdin_pipe());
      { const Child dropped = std::move(child); }
      CHECK(exists(pid));
      keeps_it_alive.write_all("go\n");
    }
    CHECK(eventually([&] { return !exists(pid); }));
    wait_for_reaper();
  });
}

TEST_CASE("a child that has ended before it is dropped is no zombie either") {
  in_both_worlds([] {
    Child child = shell("exit 0").stdout_mode(Stdio::piped).spawn();
    const pid_t pid = child.id().value_or(0);
    CHECK(child.stdout_pipe().read_to_end().empty());
    { const Child dropped = std::move(child); }
    CHECK(eventually([&] { return !exists(pid); }));
    wait_for_reaper();
  });
}

TEST_CASE("kill_on_drop kills") {
  in_both_worlds([] {
    pid_t pid;
    {
      const Child child = Command("sleep").arg("1000").kill_on_drop(true).spawn();
      pid = child.id().value_or(0);
    }
    CHECK(eventually([&] { return !exists(pid); }));
    wait_for_reaper();
  });
}

TEST_CASE("children outlive the runtime that has dropped them, and are reaped") {
  const Limits limits;
  std::vector<pid_t> pids;
  runtime::io::PipeWriter keeps_them_alive;
  runtime::run([&] {
    Child first = shell("read line").stdin_mode(Stdio::piped).spawn();
    keeps_them_alive = std::move(first.stdin_pipe());
    pids.push_back(first.id().value_or(0));
    for (int i = 0; i < 5; ++i) pids.push_back(shell("sleep 0.01").spawn().id().value_or(0));
  });
  CHECK(exists(pids.front()));
  keeps_them_alive.close();
  for (const pid_t pid : pids) CHECK(eventually([&] { return !exists(pid); }));
  wait_for_reaper();
}

TEST_CASE("a child dropped when there is no descriptor to watch it with is reaped beside the next one") {
  const Limits limits;
  const auto sleeper = [] { return Command("sleep").arg("1000").spawn(); };
  std::optional<Child> first(sleeper()), second(sleeper());
  const pid_t first_pid = first->id().value_or(0), second_pid = second->id().value_or(0);
  std::vector<int> taken;
  for (int fd; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken.push_back(fd);
  first.reset();
  for (const int fd : taken) ::close(fd);
  ::kill(first_pid, SIGKILL);
  second.reset();
  ::kill(second_pid, SIGKILL);
  CHECK(eventually([&] { return !exists(first_pid) && !exists(second_pid); }));
  wait_for_reaper();
}

TEST_CASE("an aborted task takes its child along, if it said so") {
  pid_t pid = 0;
  Checked checked;
  checked.rt.block_on([&] {
    auto task = runtime::spawn_local([&] {
      Child child = Command("sleep").arg("1000").kill_on_drop(true).spawn();
      pid = child.id().value_or(0);
      child.wait();
    });
    settle();
    task.abort();
    CHECK(code_of([&] { task.join(); }) == Errc::cancelled);
    CHECK(eventually([&] { return !exists(pid); }));
    wait_for_reaper();
  });
}

TEST_CASE("the program's handler of SIGCHLD is left alone, and told") {
  static std::atomic<int> told{0};
  struct sigaction ours {
  }, before{}, after{};
  ours.sa_handler = [](int) { ++told; };
  ours.sa_flags = SA_RESTART;
  ::sigaction(SIGCHLD, &ours, &before);
  {
    Checked checked;
    checked.rt.block_on([] {
      CHECK(shell("exit 9").spawn().wait().code() == 9);
      CHECK(eventually([] { return told > 0; }));
    });
  }
  ::sigaction(SIGCHLD, &before, &after);
  CHECK((after.sa_handler == ours.sa_handler));
}

TEST_CASE("with SIGCHLD ignored there is no status, and wait() says so") {
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGCHLD, &ignore, &before);
  in_both_worlds([] {
    Child child = shell("exit 1").spawn();
    CHECK(os_error_of([&] { child.wait(); }) == ECHILD);
    CHECK_FALSE(child.id().has_value());
    { const Child dropped = shell("exit 1").spawn(); }
    wait_for_reaper();
  });
  ::sigaction(SIGCHLD, &before, nullptr);
}
