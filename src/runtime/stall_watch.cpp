#include "runtime/stall_watch.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>

#include "base/no_signals.hpp"
#include "base/symbolizer.hpp"
#include "runtime/report_text.hpp"
#include "task/current.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::detail {
namespace {

constexpr base::Nanos kMillisecond = 1'000'000;
constexpr base::Nanos kSecond = 1'000 * kMillisecond;
constexpr base::Nanos kBetweenReports = kSecond;
constexpr base::Nanos kAnswerLimit = 250 * kMillisecond;

void write_all(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n <= 0) return;  // nobody is left to be told
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

StallWatch::StallWatch(const scheduler::CurrentThread& scheduler, std::string_view runtime, base::Nanos threshold)
    : scheduler_(scheduler), runtime_(runtime), threshold_(threshold), watched_(::gettid()) {
  base::ThreadProbe::prepare();
  const base::NoSignals inherited;
  thread_ = std::thread([this] { watch(); });
}

StallWatch::~StallWatch() {
  end_.unpark();
  thread_.join();
}

void StallWatch::watch() noexcept {
  ::pthread_setname_np(::pthread_self(), "runtime-stall");
  const base::Nanos period = std::clamp(threshold_ / 4, kMillisecond / 2, kSecond);
  scheduler::CurrentThread::Activity seen = scheduler_.activity();
  base::Nanos since = base::monotonic_now();
  bool is_handled = false;
  while (!end_.park_until(base::monotonic_now() + period)) {
    const auto activity = scheduler_.activity();
    const base::Nanos now = base::monotonic_now();
    if (!activity.is_busy || activity != seen) {
      seen = activity;
      since = now;
      is_handled = false;
    } else if (!is_handled && now - since >= threshold_) {
      is_handled = true;  // a stall is told once
      if (last_report_ != 0 && now - last_report_ < kBetweenReports) {
        ++untold_;
        continue;
      }
      last_report_ = now;
      try {
        report(seen, since);
      } catch (...) {
        write_all("runtime: a task holds its thread longer than stall_threshold; there is no memory to say more\n");
      }
      untold_ = 0;
    }
  }
}

// In the signal handler, on the watched thread.
void StallWatch::note(void* context) noexcept {
  Holder& holder = *static_cast<Holder*>(context);
  holder.is_still_there = holder.scheduler->activity() == holder.expected;
  const task::Task* task = task::current();
  if (task == nullptr) return;
  holder.kind = task->kind == task::Kind::root || task->id == 0 ? Holder::root : Holder::task;
  holder.id = task->id;
  holder.name_size = task->name().copy(holder.name, sizeof holder.name);
  holder.file = task->spawn_file;
  holder.line = task->spawn_line;
}

void StallWatch::report(const scheduler::CurrentThread::Activity& stalled, base::Nanos since) {
  Holder holder{};
  holder.scheduler = &scheduler_;
  holder.expected = stalled;
  const bool is_answered = probe_.take(watched_, &note, &holder, kAnswerLimit);
  std::string text = describe(holder, is_answered, base::monotonic_now() - since);
  if (is_answered && holder.is_still_there) {
    base::Symbolizer symbols;
    for (std::size_t i = 0; i < probe_.count; ++i) {
      // The first is where it was, the others are where calls return to.
      append_frame(text, "    ", i, probe_.frames[i], i != 0, symbols);
    }
  }
  if (untold_ != 0) {
    text += "    (since the last report there were ";
    text += std::to_string(untold_);
    text += " more, which were not told)\n";
  }
  write_all(text);
}

std::string StallWatch::describe(const Holder& holder, bool is_answered, base::Nanos held) const {
  std::string text = "runtime";
  if (!runtime_.empty()) append_name(text += ' ', runtime_);
  text += ": ";
  if (!is_answered || !holder.is_still_there) {
    text += "a task";
  } else if (holder.kind == Holder::root) {
    text += "the code inside block_on";
  } else if (holder.kind == Holder::nobody) {
    text += "a hook, or the runtime itself,";
  } else {
    text += "task ";
    text += std::to_string(holder.id);
    if (holder.name_size != 0) append_name(text += ' ', std::string_view(holder.name, holder.name_size));
    text += ", spawned at ";
    text += holder.file;
    text += ':';
    text += std::to_string(holder.line);
    text += ',';
  }
  text += " has held the thread for ";
  append_duration(text, held);
  text += ", and no other task ran meanwhile (stall_threshold is ";
  append_duration(text, threshold_);
  text += "). Call the form of <runtime/posix.h> of what blocks, move it to offload(), or yield_now() in long "
          "computations.";
  if (!is_answered) {
    text += " The thread did not answer to SIGURG (blocked, or taken by another handler), so where it is cannot be told.\n";
  } else if (!holder.is_still_there) {
    text += " It has gone on just before one could look where it was.\n";
  } else {
    text += " It is here:\n";
  }
  return text;
}

}  // namespace runtime::inline v1::detail
