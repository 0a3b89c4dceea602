#pragma once

#include <cstdio>
#include <cstdlib>
#include <initializer_list>

#include "options.hpp"

namespace bench {

/// What a peer can do, by the name under which run.py asks for it.
struct PeerWork {
  const char* name;
  void (*run)(const Options& options);
};

/// The work is one that this peer has, but not of this size; run.py then says that it has none.
[[noreturn]] inline void unable(const char* why) {
  std::fprintf(stderr, "%s\n", why);
  std::exit(77);
}

/// main() of a peer: `--work list` prints what it can do, `--work NAME` does it and prints the figures, the first of
/// which is called `peer`.
inline int run_peer(int argc, char** argv, std::initializer_list<PeerWork> works) {
  const Options options(argc, argv,
      {{"work", "list"}, {"tasks", "1000"}, {"total", "100000"}, {"round", "warm"}, {"state", "chain"},
       {"in_flight", "1"}, {"threads", "4"}, {"leaves", "1000000"}, {"connections", "50"}},
      Options::Unknown::overlooked);
  const std::string& wanted = options.text("work");
  for (const PeerWork& work : works) {
    if (wanted == "list") {
      std::printf("%s\n", work.name);
    } else if (wanted == work.name) {
      work.run(options);
      return 0;
    }
  }
  if (wanted == "list") return 0;
  std::fprintf(stderr, "--work takes one of those that --work list prints, not \"%s\"\n", wanted.c_str());
  return 2;
}

}  // namespace bench
