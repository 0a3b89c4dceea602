#include "process/launch.hpp"

#include <fcntl.h>
#include <spawn.h>

#include <cerrno>
#include <csignal>
#include <new>
#include <string_view>
#include <system_error>

#include "base/system_error.hpp"

// posix_spawn() of the C library, and not fork(): the child borrows our memory until it executes the program, with all
// signals blocked and a stack of its own, so its price does not grow with our memory, no handler of the program's runs
// in it, and why it could not start comes back as a result.

namespace runtime::inline v1::process {
namespace {

void check(int error, const char* what) {
  if (error == ENOMEM) throw std::bad_alloc();
  if (error != 0) base::throw_errno(error, what);
}

/// What the child does before it executes the program.
class Actions final {
 public:
  Actions() { check(::posix_spawn_file_actions_init(&list_), "posix_spawn_file_actions_init"); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  ~Actions() { ::posix_spawn_file_actions_destroy(&list_); }

  void enter(const std::string& directory) {
    check(::posix_spawn_file_actions_addchdir_np(&list_, directory.c_str()), "posix_spawn_file_actions_addchdir_np");
  }
  void give(const StreamSource& source, int number) {
    if (source.is_null) {
      check(::posix_spawn_file_actions_addopen(&list_, number, "/dev/null", number == 0 ? O_RDONLY : O_WRONLY, 0),
            "posix_spawn_file_actions_addopen");
    } else if (source.fd.get() >= 0) {
      check(::posix_spawn_file_actions_adddup2(&list_, source.fd.get(), number), "posix_spawn_file_actions_adddup2");
    }
  }
  const posix_spawn_file_actions_t* get() const noexcept { return &list_; }

 private:
  posix_spawn_file_actions_t list_;
};

/// Signals of a new program: none blocked, whatever this thread blocks, and SIGPIPE, which many programs ignore for
/// themselves, as it is by default; an ignored signal stays so across execve(2).
class Attributes final {
 public:
  Attributes() {
    check(::posix_spawnattr_init(&set_), "posix_spawnattr_init");
    sigset_t signals;
    sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&set_, &signals);
    sigaddset(&signals, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&set_, &signals);
    ::posix_spawnattr_setflags(&set_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&set_); }

  const posix_spawnattr_t* get() const noexcept { return &set_; }

 private:
  posix_spawnattr_t set_;
};

/// Zero-ended, as the kernel wants them. Borrows: the strings.
std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> all;
  all.reserve(strings.size() + 1);
  for (const std::string& string : strings) all.push_back(const_cast<char*>(string.c_str()));
  all.push_back(nullptr);
  return all;
}

/// Tries the folders of a PATH one after the other, as execvp(3) does: EACCES is remembered, and others are tried.
template <class Try>
int try_each_folder(const std::string& path, const std::string& name, Try attempt) {
  int error = ENOENT;
  std::string_view rest(path);
  for (;;) {
    const std::size_t end = rest.find(':');
    std::string candidate(rest.substr(0, end));
    if (!candidate.empty()) candidate += '/';
    candidate += name;
    // A relative folder stays one: the child looks from where it starts. Without a slash it would be looked for in
    // PATH.
    if (candidate.find('/') == std::string::npos) candidate.insert(0, "./");
    const int result = attempt(candidate.c_str());
    if (result != ENOENT && result != ENOTDIR && result != EACCES) return result;
    if (result == EACCES) error = EACCES;
    if (end == std::string_view::npos) return error;
    rest.remove_prefix(end + 1);
  }
}

[[noreturn]] void throw_not_started(int error, const Program& program) {
  std::string what = "posix_spawn of " + program.name;
  if (!program.directory.empty()) what += " in " + program.directory;
  throw std::system_error(error, std::system_category(), what);
}

}  // namespace

pid_t launch(const Program& program, const StreamSource (&streams)[3]) {
  Actions actions;
  for (int number = 0; number < 3; ++number) actions.give(streams[number], number);
  if (!program.directory.empty()) actions.enter(program.directory);
  const Attributes attributes;

  std::vector<char*> arguments = pointers(program.arguments);
  arguments.insert(arguments.begin(), const_cast<char*>(program.name.c_str()));
  const std::vector<std::string> variables = program.environment.entries();
  const std::vector<char*> environment = pointers(variables);

  pid_t pid = 0;
  int error;
  const std::string* path = program.environment.changed("PATH");
  if (path != nullptr && program.name.find('/') == std::string::npos && !program.name.empty()) {
    error = try_each_folder(*path, program.name, [&](const char* candidate) {
      return ::posix_spawn(&pid, candidate, actions.get(), attributes.get(), arguments.data(), environment.data());
    });
  } else {
    error = ::posix_spawnp(&pid, program.name.c_str(), actions.get(), attributes.get(), arguments.data(),
                           environment.data());
  }
  if (error != 0) throw_not_started(error, program);
  return pid;
}

}  // namespace runtime::inline v1::process
