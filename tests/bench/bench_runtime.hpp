#pragma once

#include <runtime/runtime.hpp>

#include "options.hpp"

namespace bench {

/// The runtime that is measured. --stacks is "small" (16 KiB and a guard page, what the peers are given too) or
/// "default" (what a program gets that asks for nothing).
inline runtime::LocalRuntime make_runtime(const Options& options) {
  runtime::Builder builder;
  if (options.choice("stacks", {"small", "default"}) == "small") {
    builder.stack_size(16 * 1024).stack_guard_size(4096);
  }
  return builder.build_local();
}

}  // namespace bench
