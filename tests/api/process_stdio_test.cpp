// What a child reads, writes and finds around itself.

#include <fcntl.h>

#include <fstream>

#include "process_support.hpp"

using namespace process_test;
using runtime::io::PipeReader;
using runtime::io::PipeWriter;

namespace {

/// What the shell's script writes.
std::string output_of(Command command) {
  Child child = command.stdout_mode(Stdio::piped).spawn();
  std::string output = child.stdout_pipe().read_to_end();
  CHECK(child.wait().success());
  return output;
}

/// Descriptors above 2 that whoever has started this program wants all its children to have.
std::size_t inherited() {
  std::size_t count = 0;
  for (int fd = 3; fd < 1024; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("bytes go through a child and come back") {
  in_both_worlds([] {
    Child child = Command("cat").stdin_mode(Stdio::piped).stdout_mode(Stdio::piped).spawn();
    child.stdin_pipe().write_all("hello\n");
    char buffer[16];
    CHECK(child.stdout_pipe().read(buffer, sizeof buffer) == 6);
    CHECK(std::string(buffer, 6) == "hello\n");
    child.close_stdin();
    CHECK(child.stdout_pipe().read(buffer, sizeof buffer) == 0);
    CHECK(child.wait().success());
  });
}

TEST_CASE("more than pipes hold goes both ways at once") {
  Checked checked;
  checked.rt.block_on([] {
    std::string sent;
    for (int i = 0; sent.size() < 1'000'000; ++i) sent += std::to_string(i) + '\n';
    Child child = Command("cat").stdin_mode(Stdio::piped).stdout_mode(Stdio::piped).spawn();
    auto writer = runtime::spawn_local([&] {
      child.stdin_pipe().write_all(sent);
      child.close_stdin();
    });
    CHECK(child.stdout_pipe().read_to_end() == sent);
    writer.join();
    CHECK(child.wait().success());
  });
}

TEST_CASE("stdout and stderr are apart") {
  in_both_worlds([] {
    Child child = shell("echo out; echo err >&2").stdout_mode(Stdio::piped).stderr_mode(Stdio::piped).spawn();
    CHECK(child.stdout_pipe().read_to_end() == "out\n");
    CHECK(child.stderr_pipe().read_to_end() == "err\n");
    child.wait();
  });
}

TEST_CASE("null is neither read from nor kept") {
  in_both_worlds([] {
    CHECK(Command("cat")
              .stdin_mode(Stdio::null)
              .stdout_mode(Stdio::null)
              .stderr_mode(Stdio::null)
              .spawn()
              .wait()
              .success());
    CHECK(output_of(std::move(shell("readlink /proc/self/fd/0").stdin_mode(Stdio::null))) == "/dev/null\n");
  });
}

TEST_CASE("a stream that is not piped has a closed end") {
  const Limits limits;
  Child child = shell("exit 0").spawn();
  char buffer[4];
  CHECK(code_of([&] { child.stdout_pipe().read(buffer, 4); }) == Errc::invalid_argument);
  CHECK(code_of([&] { child.stdin_pipe().write("x", 1); }) == Errc::invalid_argument);
  child.close_stdin();
  child.wait();
}

TEST_CASE("writing to a child that has gone is EPIPE, and SIGPIPE is not raised") {
  in_both_worlds([] {
    Child child = shell("exec <&-; echo closed").stdin_mode(Stdio::piped).stdout_mode(Stdio::piped).spawn();
    CHECK(child.stdout_pipe().read_to_end() == "closed\n");
    CHECK(os_error_of([&] { child.stdin_pipe().write_all("x"); }) == EPIPE);
    child.wait();
  });
}

TEST_CASE("a SIGPIPE that the program has blocked and not taken yet stays pending") {
  const Limits limits;
  sigset_t sigpipe, before, pending;
  sigemptyset(&sigpipe);
  sigaddset(&sigpipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
  Child child = shell("exec <&-; echo closed").stdin_mode(Stdio::piped).stdout_mode(Stdio::piped).spawn();
  child.stdout_pipe().read_to_end();
  CHECK(os_error_of([&] { child.stdin_pipe().write_all("x"); }) == EPIPE);
  ::sigpending(&pending);
  CHECK(sigismember(&pending, SIGPIPE) == 0);
  ::raise(SIGPIPE);
  CHECK(os_error_of([&] { child.stdin_pipe().write_all("x"); }) == EPIPE);
  ::sigpending(&pending);
  CHECK(sigismember(&pending, SIGPIPE) == 1);
  const timespec at_once{};
  CHECK(::sigtimedwait(&sigpipe, nullptr, &at_once) == SIGPIPE);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  child.wait();
}

TEST_CASE("a reader whose pipe is closed meanwhile ends with EBADF") {
  Checked checked;
  checked.rt.block_on([] {
    Child child = Command("sleep").arg("1000").stdout_mode(Stdio::piped).spawn();
    auto reader = runtime::spawn_local([&] {
      char byte;
      return os_error_of([&] { child.stdout_pipe().read(&byte, 1); });
    });
    settle();
    child.stdout_pipe().close();
    CHECK(reader.join() == EBADF);
    child.kill();
  });
}

TEST_CASE("cancelled reading and writing lose nothing") {
  Checked checked;
  checked.rt.block_on([] {
    Child child = Command("cat").stdin_mode(Stdio::piped).stdout_mode(Stdio::piped).spawn();
    char buffer[8];
    CHECK(code_of([&] { runtime::timeout(2ms, [&] { child.stdout_pipe().read(buffer, 8); }); }) == Errc::elapsed);
    child.stdin_pipe().write_all("whole");
    child.close_stdin();
    CHECK(child.stdout_pipe().read_to_end() == "whole");
    child.wait();
  });
}

TEST_CASE("arguments are no shell's") {
  in_both_worlds([] {
    Command command("printf");
    command.args({"%s|%s|%s\n", "a b", "$HOME"}).args(std::vector<std::string>{"'*'"});
    CHECK(output_of(std::move(command)) == "a b|$HOME|'*'\n");
  });
}

TEST_CASE("variables are set, removed and cleared, and not ours") {
  const Limits limits;
  ::setenv("RUNTIME_TEST_OURS", "ours", 1);
  const auto print = [] { return shell("echo \"$RUNTIME_TEST_OURS,$RUNTIME_TEST_ITS\""); };
  CHECK(output_of(print()) == "ours,\n");
  CHECK(output_of(std::move(print().env("RUNTIME_TEST_ITS", "1").env("RUNTIME_TEST_ITS", "2"))) == "ours,2\n");
  CHECK(output_of(std::move(print().env("RUNTIME_TEST_OURS", ""))) == ",\n");
  CHECK(output_of(std::move(print().env_remove("RUNTIME_TEST_OURS"))) == ",\n");
  CHECK(output_of(std::move(print().env("RUNTIME_TEST_ITS", "1").env_clear())) == ",\n");
  CHECK(::getenv("RUNTIME_TEST_ITS") == nullptr);
  CHECK(std::string(::getenv("RUNTIME_TEST_OURS")) == "ours");
  CHECK(output_of(std::move(Command("/usr/bin/env").env_clear().env("ONLY", "one"))) == "ONLY=one\n");
  ::unsetenv("RUNTIME_TEST_OURS");
}

TEST_CASE("a program is looked for in the PATH that its child gets") {
  const Limits limits;
  char folder[] = "/tmp/runtime-process-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const std::string program = std::string(folder) + "/runtime-test-program";
  std::ofstream(program) << "#!/bin/sh\necho found\n";
  ::chmod(program.c_str(), 0700);
  CHECK(os_error_of([] { Command("runtime-test-program").spawn(); }) == ENOENT);
  CHECK(output_of(std::move(Command("runtime-test-program").env("PATH", "/no/such:" + std::string(folder)))) ==
        "found\n");
  CHECK(os_error_of([] { Command("sh").env("PATH", "/no/such").spawn(); }) == ENOENT);
  ::unlink(program.c_str());
  ::rmdir(folder);
}

TEST_CASE("a child starts in the directory it was given, and we stay in ours") {
  in_both_worlds([] {
    char before[4096], after[4096];
    REQUIRE(::getcwd(before, sizeof before) != nullptr);
    CHECK(output_of(std::move(shell("pwd").current_dir("/usr"))) == "/usr\n");
    REQUIRE(::getcwd(after, sizeof after) != nullptr);
    CHECK(std::string(before) == after);
  });
}

TEST_CASE("a child gets its three streams and no other descriptor of ours") {
  in_both_worlds([] {
    Child other = Command("cat").stdin_mode(Stdio::piped).stdout_mode(Stdio::piped).stderr_mode(Stdio::piped).spawn();
    Command command("ls");
    command.arg("/proc/self/fd").stdin_mode(Stdio::piped).stderr_mode(Stdio::piped);
    // ls itself opens the folder.
    CHECK(occurrences(output_of(std::move(command)), "\n") == 3 + inherited() + 1);
    CHECK(other.wait().success());
  });
}

TEST_CASE("no signal is blocked or ignored in a child because a thread of ours does so") {
  const Limits limits;
  sigset_t all, before;
  sigfillset(&all);
  sigdelset(&all, SIGALRM);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  struct sigaction ignore {
  }, handled{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &handled);
  const std::string blocked = output_of(std::move(Command("grep").args({"^SigBlk", "/proc/self/status"})));
  const std::string ignored = output_of(std::move(Command("grep").args({"^SigIgn", "/proc/self/status"})));
  ::sigaction(SIGPIPE, &handled, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CHECK(blocked == "SigBlk:\t0000000000000000\n");
  REQUIRE(ignored.size() > 8);
  // A bit for each number from 1 on. Others may be ignored by whoever has started this program.
  CHECK((std::stoull(ignored.substr(8), nullptr, 16) >> (SIGPIPE - 1) & 1) == 0);
}

TEST_CASE("streams of ours that are closed are no trap for a child's pipes") {
  const Limits limits;
  const int saved_in = ::fcntl(0, F_DUPFD_CLOEXEC, 10);
  const int saved_out = ::fcntl(1, F_DUPFD_CLOEXEC, 10);
  ::close(0);
  ::close(1);
  std::string output;
  bool succeeded;
  {
    Child child = Command("cat").stdin_mode(Stdio::piped).stdout_mode(Stdio::piped).spawn();
    child.stdin_pipe().write_all("through");
    child.close_stdin();
    output = child.stdout_pipe().read_to_end();
    succeeded = child.wait().success();
  }
  ::dup2(saved_in, 0);
  ::dup2(saved_out, 1);
  ::close(saved_in);
  ::close(saved_out);
  CHECK(output == "through");
  CHECK(succeeded);
}

TEST_CASE("without descriptors left nothing is started and nothing leaks") {
  const Limits limits;
  std::vector<int> taken;
  for (int fd; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) {
    taken.push_back(fd);
    if (taken.size() > 100'000) break;
  }
  const int error = os_error_of([] { shell("exit 0").stdin_mode(Stdio::piped).spawn(); });
  const int without_pipes = os_error_of([] { shell("exit 0").spawn(); });
  for (const int fd : taken) ::close(fd);
  CHECK(error == EMFILE);
  CHECK(without_pipes == EMFILE);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}
