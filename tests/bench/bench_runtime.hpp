#pragma once

#include <chrono>
#include <string>
#include <utility>

#include <runtime/runtime.hpp>

#include "options.hpp"

namespace bench {

/// The runtime that is measured. --stacks is "small" (16 KiB and a guard page, what the peers are given too) or
/// "default" (what a program gets that asks for nothing).
inline runtime::LocalRuntime make_runtime(const Options& options, runtime::Builder builder = runtime::Builder()) {
  if (options.choice("stacks", {"small", "default"}) == "small") {
    builder.stack_size(16 * 1024).stack_guard_size(4096);
  }
  return builder.build_local();
}

/// What --observe asks for: "nothing", all four "hooks" of tasks, empty, both "histograms", or "all" of that.
inline runtime::Builder observed_builder(const Options& options) {
  const std::string what = options.choice("observe", {"nothing", "hooks", "histograms", "all"});
  runtime::Builder builder;
  if (what == "hooks" || what == "all") {
    const auto nothing = [](const runtime::TaskMeta&) {};
    builder.on_task_spawn(nothing).on_before_task_poll(nothing).on_after_task_poll(nothing).on_task_terminate(nothing);
  }
  if (what == "histograms" || what == "all") {
    const auto config = runtime::HistogramConfig::log(std::chrono::nanoseconds(100), std::chrono::seconds(60), 2);
    builder.metrics_poll_time_histogram(config).metrics_schedule_latency_histogram(config);
  }
  return builder;
}

}  // namespace bench
