#pragma once

#include <cstdio>
#include <cstdlib>
#include <initializer_list>

#include "clock.hpp"
#include "options.hpp"
#include "report.hpp"
#include "slices.hpp"

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

/// What a library of C starts a thread with where its code is a Body of C++, whose address is the argument.
template <class Body>
void* call_body(void* body) {
  (*static_cast<Body*>(body))();
  return nullptr;
}

/// The figure of steps that are made one after the other, by the processor time of the thread.
template <class Step>
void step_figure(std::uint64_t total, const char* unit, Step step) {
  figure("peer", least(in_slices([&] { return nanoseconds_per_step<CpuStopwatch>(total, step); })), unit);
}

/// The figure of a whole batch of tasks, the first one's or that of later ones; `batch()` is what one of its tasks took.
template <class Batch>
void batch_figure(const Options& options, Batch batch) {
  const double first = batch();
  const bool warm = options.choice("round", {"first", "warm"}) == "warm";
  figure("peer", warm ? least(in_slices(batch)) : first, "ns/task");
}

/// The figure of jobs that go to a pool and come back; `round_trips(in_flight, each)` is what one of them took where
/// `in_flight` were under way at once, `each` times.
template <class RoundTrips>
void round_trip_figure(const Options& options, RoundTrips round_trips) {
  const std::uint64_t in_flight = options.count("in_flight");
  const std::uint64_t each = options.count("total") / in_flight;
  if (each == 0) unable("--total must be at least --in_flight");
  figure("peer", median(in_slices([&] { return round_trips(in_flight, each); })), "ns/job");
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
