#pragma once

#include <cstdint>

namespace runtime {
inline namespace v1 {

/// What a runtime does about an exception that nobody can receive: one that left a task whose last handle went
/// unjoined, or that a hook threw.
enum class UnhandledException : std::uint8_t {
  report = 0,            // writes one text to stderr: which task, and what the exception says
  ignore = 1,            // nothing
  shutdown_runtime = 2,  // cancels block_on and every task; block_on throws Error shut_down, which names the task
  terminate = 3,         // writes the text and calls std::terminate()
};

}  // namespace v1
}  // namespace runtime
