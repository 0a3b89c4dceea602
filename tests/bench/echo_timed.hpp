#pragma once

#include <cstdint>

#include "clock.hpp"

namespace bench {

/// How many messages an echo server is sent. What comes behind the last that is timed keeps the connections as busy at
/// the end as before.
struct EchoCounts {
  std::uint64_t connections, warm_up, total;

  EchoCounts(std::uint64_t connections_in, std::uint64_t total_in)
      : connections(connections_in), warm_up(2 * connections_in + 1000), total(total_in) {}
  std::uint64_t sent() const { return warm_up + total + connections; }
};

/// Times the messages between the first ones and the last.
template <class Clock>
class EchoTimed {
 public:
  explicit EchoTimed(const EchoCounts& counts) : warm_up_(counts.warm_up), total_(counts.total) {}

  void operator()() {
    ++count_;
    if (count_ == warm_up_) stopwatch_.start();
    if (count_ == warm_up_ + total_) stopwatch_.stop();
  }
  double microseconds() const { return stopwatch_.nanoseconds_per(total_) / 1000; }

 private:
  const std::uint64_t warm_up_, total_;
  std::uint64_t count_ = 0;
  Clock stopwatch_;
};

}  // namespace bench
