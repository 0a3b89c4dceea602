#include <runtime/builder.hpp>

#include <algorithm>
#include <string>
#include <utility>

#include <runtime/error.hpp>

#include "runtime/histogram_access.hpp"
#include "runtime/inner.hpp"

namespace runtime::inline v1 {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kSmallestStack = 16 * 1024;
constexpr std::size_t kLargest = std::size_t{1} << 46;  // half of what a process can address

void require(bool condition, const char* sentence) {
  if (!condition) throw Error(Errc::invalid_argument, sentence);
}

bool is_blank(std::string_view text) noexcept { return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos; }

std::size_t whole_pages(std::size_t bytes) noexcept { return (bytes + kPage - 1) / kPage * kPage; }

}  // namespace

class Builder::Impl final {
 public:
  detail::Options options;
};

Builder::Builder() : impl_(std::make_unique<Impl>()) {}
Builder::Builder(const Builder& other) : impl_(std::make_unique<Impl>(*other.impl_)) {}
Builder::Builder(Builder&&) noexcept = default;
Builder& Builder::operator=(const Builder& other) {
  if (this != &other) impl_ = std::make_unique<Impl>(*other.impl_);
  return *this;
}
Builder& Builder::operator=(Builder&&) noexcept = default;
Builder::~Builder() = default;

Builder& Builder::name(std::string_view name) {
  require(!is_blank(name), "Builder::name() takes a name that is not blank");
  impl_->options.name = name;
  return *this;
}

Builder& Builder::thread_name(std::string_view name) {
  require(!is_blank(name), "Builder::thread_name() takes a name that is not blank");
  impl_->options.pool.thread_name = name;
  impl_->options.threads.name = task::Hook();
  return *this;
}

Builder& Builder::thread_stack_size(std::size_t bytes) {
  require(bytes >= kSmallestStack && bytes <= kLargest, "Builder::thread_stack_size() takes at least 16 KiB");
  impl_->options.pool.thread_stack_size = whole_pages(bytes);
  return *this;
}

Builder& Builder::thread_keep_alive_nanos(detail::Nanos d) {
  require(d > 0, "Builder::thread_keep_alive() takes a duration above zero");
  impl_->options.pool.keep_alive = d;
  return *this;
}

Builder& Builder::max_blocking_threads(std::size_t n) {
  require(n > 0, "Builder::max_blocking_threads() takes a number above zero: without a thread no blocking closure could run");
  impl_->options.pool.max_threads = n;
  return *this;
}

Builder& Builder::stack_size(std::size_t bytes) {
  require(bytes >= kSmallestStack && bytes <= kLargest, "Builder::stack_size() takes at least 16 KiB");
  impl_->options.scheduler.stacks.size = whole_pages(bytes);
  return *this;
}

Builder& Builder::stack_guard_size(std::size_t bytes) {
  require(bytes > 0 && bytes <= kLargest, "Builder::stack_guard_size() takes a size above zero: no stack goes unguarded");
  impl_->options.scheduler.stacks.guard_size = whole_pages(bytes);
  return *this;
}

Builder& Builder::stack_pool_limit(std::size_t bytes) {
  require(bytes > 0, "Builder::stack_pool_limit() takes a size above zero; one byte keeps no stack");
  impl_->options.scheduler.stacks.warm_limit = bytes;
  return *this;
}

Builder& Builder::event_interval(std::uint32_t n) {
  require(n > 0, "Builder::event_interval() takes a number above zero");
  impl_->options.scheduler.event_interval = n;
  return *this;
}

Builder& Builder::global_queue_interval(std::uint32_t n) {
  require(n > 0, "Builder::global_queue_interval() takes a number above zero");
  impl_->options.scheduler.global_queue_interval = n;
  return *this;
}

Builder& Builder::coop_budget(std::uint32_t n) {
  require(n > 0, "Builder::coop_budget() takes a number above zero");
  impl_->options.scheduler.coop_budget = n;
  return *this;
}

Builder& Builder::rng_seed(std::uint64_t seed) {
  impl_->options.scheduler.rng_seed = seed;
  return *this;
}

Builder& Builder::set_hook(detail::HookPlace place, detail::RawHook raw) {
  require(raw.context != nullptr, "Builder: a hook must be a function that can be called, and this one is empty");
  task::Hook hook(raw);
  detail::Options& options = impl_->options;
  scheduler::Observation& observation = options.scheduler.observation;
  switch (place) {
    case detail::HookPlace::thread_start: options.threads.on_start = std::move(hook); break;
    case detail::HookPlace::thread_stop: options.threads.on_stop = std::move(hook); break;
    case detail::HookPlace::thread_name: options.threads.name = std::move(hook); break;
    case detail::HookPlace::thread_park: options.scheduler.on_park = std::move(hook); break;
    case detail::HookPlace::thread_unpark: options.scheduler.on_unpark = std::move(hook); break;
    case detail::HookPlace::task_spawn: observation.on_spawn = std::move(hook); break;
    case detail::HookPlace::before_task_poll: observation.on_before_poll = std::move(hook); break;
    case detail::HookPlace::after_task_poll: observation.on_after_poll = std::move(hook); break;
    case detail::HookPlace::task_terminate: observation.on_terminate = std::move(hook); break;
  }
  return *this;
}

Builder& Builder::stall_threshold_nanos(detail::Nanos d) {
  require(d >= 1'000'000, "Builder::stall_threshold() takes at least a millisecond");
  impl_->options.stall_threshold = d;
  return *this;
}

Builder& Builder::unhandled_exception(UnhandledException policy) {
  require(policy <= UnhandledException::terminate, "Builder::unhandled_exception() takes one of the four policies");
  impl_->options.scheduler.unhandled = policy;
  return *this;
}

Builder& Builder::metrics_poll_time_histogram(const HistogramConfig& config) {
  impl_->options.scheduler.observation.poll_time = detail::HistogramConfigAccess::scale_of(config);
  return *this;
}

Builder& Builder::metrics_schedule_latency_histogram(const HistogramConfig& config) {
  impl_->options.scheduler.observation.schedule_latency = detail::HistogramConfigAccess::scale_of(config);
  return *this;
}

Builder& Builder::start_paused(bool paused) {
  impl_->options.start_paused = paused;
  return *this;
}

Builder& Builder::enable_time(bool enabled) {
  impl_->options.enable_time = enabled;
  return *this;
}

Builder& Builder::enable_io(bool enabled) {
  impl_->options.enable_io = enabled;
  return *this;
}

LocalRuntime Builder::build_local() { return LocalRuntime(new detail::Inner(impl_->options)); }

}  // namespace runtime::inline v1
