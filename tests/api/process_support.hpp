#pragma once

// What the tests of child processes share.

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include <string>
#include <vector>

#include "support.hpp"

namespace process_test {

using namespace api_test;
using runtime::process::Child;
using runtime::process::Command;
using runtime::process::ExitStatus;
using runtime::process::Stdio;

/// A shell that does this.
inline Command shell(std::string_view script) {
  Command command("/bin/sh");
  command.arg("-c").arg(script);
  return command;
}

/// Some process has this number: a zombie has, one that was reaped has not.
inline bool exists(pid_t pid) { return ::kill(pid, 0) == 0; }

/// The thread that reaps has gone, with its descriptors.
inline void wait_for_reaper() {
  CHECK(eventually([] {
    bool is_there = false;
    DIR* folder = ::opendir("/proc/self/task");
    while (const dirent* entry = ::readdir(folder)) {
      char name[32] = {};
      std::FILE* file = std::fopen(("/proc/self/task/" + std::string(entry->d_name) + "/comm").c_str(), "r");
      if (file == nullptr) continue;
      if (std::fgets(name, sizeof name, file) != nullptr && std::string(name) == "runtime-reaper\n") is_there = true;
      std::fclose(file);
    }
    ::closedir(folder);
    return !is_there;
  }));
}

/// Runs the test on a fiber of a runtime, and once more on a plain thread.
template <class F>
void in_both_worlds(F test) {
  {
    Checked checked;
    checked.rt.block_on([&] { runtime::spawn_local([&] { test(); }).join(); });
  }
  const Limits limits;
  std::thread(test).join();
}

}  // namespace process_test
