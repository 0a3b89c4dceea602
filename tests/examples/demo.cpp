// demo: the same blocking download function, called 1,000 times: one after the other, on 1,000 threads, and on 1,000
// fibers of one thread. Each way runs in a process of its own, the server in another; then comes a table.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

#include "command_line.hpp"
#include "demo_options.hpp"
#include "demo_ways.hpp"
#include "descriptor_limit.hpp"
#include "measured_child.hpp"
#include "server_process.hpp"
#include "temporary_directory.hpp"
#include "text.hpp"

namespace {

using namespace examples;

// One after the other takes 100 ms each: so many are enough to know what all of them would take.
constexpr std::size_t kMostOneByOne = 20;

// A line of the table.
struct Row {
  std::string way;
  MeasuredWork measured;
  std::size_t wrong_files = 0;
  double seconds = 0;  // for all downloads, also where fewer were made
};

struct Table {
  Row one_by_one;
  Row threads;
  Row fibers;
};

void make_room_for_descriptors(std::size_t downloads) {
  const std::size_t wanted = 2 * downloads + 64;  // a socket and a file each
  const std::size_t limit = raise_descriptor_limit(wanted);
  if (limit >= wanted) return;
  std::fprintf(stderr, "demo: %zu descriptors are needed and only %zu may be open (ulimit -n): expect failures\n",
               wanted, limit);
}

Row measure(const std::string& way, WorkReport (*call)(const DemoWork&), const DemoWork& work, std::size_t downloads) {
  std::printf("... %s\n", way.c_str());
  std::fflush(stdout);
  std::filesystem::create_directory(work.directory);
  Row row;
  row.way = way;
  row.measured = measure_in_child([&] { return call(work); });
  row.wrong_files = count_wrong_files(work);
  row.seconds = row.measured.report.seconds * static_cast<double>(downloads) / static_cast<double>(work.count);
  return row;
}

Table measure_all(const DemoOptions& options, const std::string& server) {
  // Two ways make all downloads, one a few; no file takes less than a page.
  const std::uintmax_t pages = 1 + options.body_size / 4096;
  const TemporaryDirectory directory((2 * options.downloads + kMostOneByOne) * pages * 4096);
  const auto work = [&](const char* name, std::size_t downloads) {
    return DemoWork{server, directory.path() / name, downloads, options.body_size};
  };
  const std::size_t all = options.downloads;
  const std::string count = with_commas(all);
  Table table;
  table.one_by_one =
      measure("one after the other", &one_after_the_other, work("one", std::min(kMostOneByOne, all)), all);
  table.threads = measure(count + " threads", &on_threads, work("threads", all), all);
  table.fibers = measure(count + " fibers on one thread", &on_fibers, work("fibers", all), all);
  return table;
}

void print_row(const Row& row, const char* mark) {
  std::printf("%-32s %9.2f s%-1s %9s %9.1f MiB\n", row.way.c_str(), row.seconds, mark,
              with_commas(row.measured.threads).c_str(), static_cast<double>(row.measured.memory_bytes) / (1 << 20));
}

void print(const Table& table, const DemoOptions& options, const std::string& server) {
  const bool extrapolated = options.downloads > kMostOneByOne;
  std::printf("\n%s downloads of %s bytes from %s, whose answers take 100 ms\n\n",
              with_commas(options.downloads).c_str(), with_commas(options.body_size).c_str(), server.c_str());
  std::printf("%-32s %11s  %9s %13s\n", "", "wall time", "threads", "peak memory");
  print_row(table.one_by_one, extrapolated ? "*" : "");
  print_row(table.threads, "");
  print_row(table.fibers, "");
  if (!extrapolated) return;
  std::printf("\n* extrapolated from %zu downloads, which took %.2f s\n", kMostOneByOne,
              table.one_by_one.measured.report.seconds);
}

// Says what went wrong; true if nothing did.
bool check(const Row& row) {
  const WorkReport& report = row.measured.report;
  if (report.failed > 0) {
    std::fprintf(stderr, "demo: %s: %u failed, the first one so: %s\n", row.way.c_str(), report.failed,
                 report.first_failure);
  }
  if (row.wrong_files > report.failed) {
    std::fprintf(stderr, "demo: %s: %zu files have the wrong content\n", row.way.c_str(),
                 row.wrong_files - report.failed);
  }
  return report.failed == 0 && row.wrong_files == 0;
}

std::string comparison(double seconds, double base, const char* with) {
  const double ratio = base > seconds ? base / seconds : seconds / base;
  char text[80];
  if (ratio < 1.05) {
    std::snprintf(text, sizeof text, "as fast as %s", with);
  } else {
    std::snprintf(text, sizeof text, "%.1f times %s than %s", ratio, base > seconds ? "faster" : "slower", with);
  }
  return text;
}

int run(int argc, char** argv) {
  const DemoOptions options = parse_demo_options(argc, argv);
  make_room_for_descriptors(options.downloads);
  std::optional<ServerProcess> own_server;
  std::string server = options.server;
  if (server.empty()) server = "http://127.0.0.1:" + std::to_string(own_server.emplace(options.body_size).port());

  const Table table = measure_all(options, server);
  print(table, options, server);
  const bool all_right[] = {check(table.one_by_one), check(table.threads), check(table.fibers)};
  if (!std::all_of(std::begin(all_right), std::end(all_right), [](bool right) { return right; })) return 1;
  std::printf("\nEvery file had the right content. The fibers were %s,\nand %s.\n",
              comparison(table.fibers.seconds, table.one_by_one.seconds, "one after the other").c_str(),
              comparison(table.fibers.seconds, table.threads.seconds, "the threads").c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return examples::run_program("demo", kDemoUsage, run, argc, argv); }
