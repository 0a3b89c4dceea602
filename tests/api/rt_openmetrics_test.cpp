// to_openmetrics(): what it says, and that Prometheus' own tool accepts it.

#include <sys/wait.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::HistogramConfig;
using runtime::to_openmetrics;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// The number behind a name and its labels; empty if there is no such line.
std::string value_of(const std::string& text, const std::string& name) {
  for (const std::string& line : lines_of(text)) {
    if (line.rfind(name + " ", 0) == 0) return line.substr(name.size() + 1);
  }
  return "";
}

/// A text of a runtime that has done a little of everything.
std::string worked(Builder builder) {
  Checked house(std::move(builder));
  return house.rt.block_on([&] {
    runtime::spawn_blocking([] {}).join();
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(runtime::spawn_local([] { runtime::sleep_for(100us); }));
    tasks.pop_back();
    for (auto& task : tasks) task.join();
    auto left = runtime::spawn_local([] { wait_for_ever(); });
    settle();
    REQUIRE(eventually([&] { return house.rt.metrics().num_alive_tasks() == 1; }));  // the detached one takes its time
    const std::string text = to_openmetrics(house.rt.metrics());
    CHECK(value_of(text, "runtime_worker_polls_total") == std::to_string(house.rt.metrics().worker_poll_count()));
    left.abort();
    return text;
  });
}

struct Verdict {
  int status;
  std::string words;
};

/// What promtool says of a text; nullopt when it is not installed.
std::optional<Verdict> promtool(const std::string& text) {
  if (std::system("command -v promtool > /dev/null") != 0) {
    MESSAGE("skipped: promtool, of Debian's package prometheus, is not installed");
    return std::nullopt;
  }
  std::FILE* in = std::tmpfile();
  std::FILE* out = std::tmpfile();
  REQUIRE(std::fwrite(text.data(), 1, text.size(), in) == text.size());
  std::rewind(in);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::fileno(in), STDIN_FILENO);
    ::dup2(::fileno(out), STDOUT_FILENO);
    ::dup2(::fileno(out), STDERR_FILENO);
    ::execlp("promtool", "promtool", "check", "metrics", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  Verdict verdict{WIFEXITED(status) ? WEXITSTATUS(status) : -1, ""};
  std::rewind(out);
  for (int c; (c = std::fgetc(out)) != EOF;) verdict.words += static_cast<char>(c);
  std::fclose(in);
  std::fclose(out);
  return verdict;
}

}  // namespace

TEST_CASE("every metric stands there with help, type and value, and the text ends as it must") {
  const std::string text = worked(Builder());
  CHECK(value_of(text, "runtime_alive_tasks") == "1");
  CHECK(value_of(text, "runtime_spawned_tasks_total") == "6");
  CHECK(value_of(text, "runtime_blocking_threads") == "1");
  CHECK(value_of(text, "runtime_stacks_in_use") == "1");
  const char* const names[] = {
      "runtime_alive_tasks", "runtime_spawned_tasks_total", "runtime_global_queue_depth", "runtime_local_queue_depth",
      "runtime_blocking_queue_depth", "runtime_blocking_threads", "runtime_idle_blocking_threads",
      "runtime_worker_parks_total", "runtime_worker_noops_total", "runtime_worker_polls_total",
      "runtime_worker_busy_seconds_total", "runtime_remote_schedules_total", "runtime_budget_forced_yields_total",
      "runtime_io_fds_registered_total", "runtime_io_ready_total", "runtime_stacks_in_use", "runtime_stacks_pooled",
      "runtime_stack_resident_bytes", "runtime_stack_high_water_bytes"};
  for (const char* name : names) {
    CAPTURE(name);
    CHECK_FALSE(value_of(text, name).empty());
    CHECK(occurrences(text, std::string("# HELP ") + name + " ") == 1);
    CHECK(occurrences(text, std::string("# TYPE ") + name + " ") == 1);
  }
  CHECK(lines_of(text).size() == 3 * std::size(names) + 1);
  CHECK(text.substr(text.size() - 6) == "# EOF\n");
}

TEST_CASE("a histogram is there when it is kept: growing buckets, in seconds, up to the count of all") {
  const std::string text = worked(Builder().metrics_poll_time_histogram(HistogramConfig::linear(250us, 4)));
  CHECK(occurrences(text, "runtime_schedule_latency_seconds") == 0);
  const std::string name = "runtime_poll_time_seconds";
  const auto bucket = [&](const char* limit) {
    const std::string value = value_of(text, name + "_bucket{le=\"" + limit + "\"}");
    REQUIRE_MESSAGE(!value.empty(), "no bucket up to " << limit << " in\n" << text);
    return std::stoull(value);
  };
  CHECK(bucket("0.00025") <= bucket("0.0005"));
  CHECK(bucket("0.0005") <= bucket("0.00075"));
  CHECK(bucket("0.00075") <= bucket("+Inf"));
  CHECK(value_of(text, name + "_count") == std::to_string(bucket("+Inf")));
  CHECK(value_of(text, name + "_count") == value_of(text, "runtime_worker_polls_total"));
  CHECK(std::stod(value_of(text, name + "_sum")) > 0);
}

TEST_CASE("numbers do not depend on the locale") {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* locale : {"de_DE.UTF-8", "fr_FR.UTF-8"}) {
    if (std::setlocale(LC_ALL, locale) == nullptr) MESSAGE("the locale " << locale << " is not installed");
  }
  const std::string text = worked(Builder());
  std::setlocale(LC_ALL, before.c_str());
  CHECK(value_of(text, "runtime_worker_busy_seconds_total").find(',') == std::string::npos);
  CHECK(value_of(text, "runtime_worker_busy_seconds_total").find('.') != std::string::npos);
}

TEST_CASE("promtool accepts it, with histograms and without") {
  const Builder with = Builder()
                           .metrics_poll_time_histogram(HistogramConfig::log(100ns, 60s, 2))
                           .metrics_schedule_latency_histogram(HistogramConfig::linear(100us, 10));
  for (const Builder& builder : {Builder(), with}) {
    const std::string text = worked(builder);
    const auto verdict = promtool(text);
    if (!verdict) return;
    INFO(text);
    CHECK(verdict->status == 0);
    CHECK(verdict->words == "");
  }
}

TEST_CASE("promtool would say so if it did not") {
  std::string text = worked(Builder());
  text.replace(text.find("_total"), 6, "_number");
  const auto verdict = promtool(text);
  if (!verdict) return;
  CHECK(verdict->status != 0);
}
