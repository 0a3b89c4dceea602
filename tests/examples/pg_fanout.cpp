// pg_fanout: 200 queries of half a second at the same time, on one thread, with libpq as it is.
//
//     pg_fanout [--count N] [--seconds S] CONNINFO
//
// query() below is code as it has always been written. It blocks, and knows nothing of fibers. The program is
// linked with libruntime_preload.so, so what blocks in it waits in its fiber only.

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <libpq-fe.h>

#include <runtime/runtime.hpp>

#include "command_line.hpp"
#include "text.hpp"

namespace {

constexpr const char* kUsage =
    "usage: pg_fanout [--count N] [--seconds S] CONNINFO\n"
    "\n"
    "Asks PostgreSQL N times at once for \"select pg_sleep(S), <number>\", each over a\n"
    "connection of its own, in N fibers on one thread, and says how long all took.\n"
    "\n"
    "  CONNINFO       as psql takes it: \"host=127.0.0.1 user=postgres\"\n"
    "  --count N      how many, from 1 to 10000 (default 200)\n"
    "  --seconds S    how long each sleeps, from 0 to 60 (default 0.5)\n"
    "  -h, --help     print this\n";

// What the database answers to "select pg_sleep(<seconds>), <number>".
std::string query(const std::string& conninfo, const std::string& seconds, std::size_t number) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(conninfo.c_str()), PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection.get()));

  const std::string text = "select pg_sleep(" + seconds + "), " + std::to_string(number);
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), text.c_str()), PQclear);
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) throw std::runtime_error(PQerrorMessage(connection.get()));
  return PQgetvalue(result.get(), 0, 1);
}

bool is_right(const std::string& conninfo, const std::string& seconds, std::size_t number) {
  try {
    const std::string answer = query(conninfo, seconds, number);
    if (answer == std::to_string(number)) return true;
    std::fprintf(stderr, "pg_fanout: query %zu was answered with %s\n", number, answer.c_str());
  } catch (const std::exception& error) {  // not Cancelled, which is none
    std::fprintf(stderr, "pg_fanout: query %zu: %s", number, error.what());
  }
  return false;
}

// How many threads there are, those of the runtime's pool included while the runtime lives.
std::string threads_of_this_process() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "Threads:" && status >> word) return word;
  }
  return "?";
}

double parse_seconds(std::string_view text) {
  const double seconds = examples::number_from<double>(text).value_or(-1);
  if (!(seconds >= 0 && seconds <= 60)) throw std::invalid_argument("--seconds takes a number from 0 to 60");
  return seconds;
}

int run(int argc, char** argv) {
  std::size_t count = 200;
  double seconds = 0.5;
  const auto words = examples::read_command_line(argc, argv,
      {{"count", 0, [&](const char* text) { count = examples::number_for_option("--count", text, 1, 10'000); }},
       {"seconds", 0, [&](const char* text) { seconds = parse_seconds(text); }}});
  if (words.size() != 1) throw std::invalid_argument("one CONNINFO, please; try --help");
  const std::string& conninfo = words.front();
  const std::string duration = std::to_string(seconds);

  std::size_t right = 0;
  runtime::LocalRuntime runtime;
  const auto start = std::chrono::steady_clock::now();
  runtime.block_on([&] {
    std::vector<runtime::JoinHandle<bool>> queries;
    for (std::size_t number = 0; number < count; ++number) {
      queries.push_back(runtime::spawn_local([&, number] { return is_right(conninfo, duration, number); }));
    }
    for (auto& one : queries) right += one.join() ? 1 : 0;
  });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;

  std::printf("%zu of %zu right in %.3f s, threads %s; one after the other they sleep %.1f s\n", right, count,
              took.count(), threads_of_this_process().c_str(), seconds * static_cast<double>(count));
  return right == count ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) { return examples::run_program("pg_fanout", kUsage, run, argc, argv); }
