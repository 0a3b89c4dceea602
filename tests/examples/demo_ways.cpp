#include "demo_ways.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <runtime/runtime.hpp>

#include "download_error.hpp"
#include "http_download.hpp"
#include "slow_server.hpp"

namespace examples {

namespace {

// Measures the time from its making to report(), and collects what failed meanwhile.
class Tally final {
 public:
  // Thread safety: any thread.
  void add_failures(std::uint32_t count, const std::string& sentence) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (report_.failed == 0) std::snprintf(report_.first_failure, sizeof report_.first_failure, "%s", sentence.c_str());
    report_.failed += count;
  }

  // Call it when all is done.
  WorkReport report() {
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    return report_;
  }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  WorkReport report_;  // guarded by mutex_ while downloads run
};

void download(const DemoWork& work, std::size_t item, Tally& tally) {
  const std::string url = work.server + work.path(item);
  try {
    http_download(url, work.file(item), std::chrono::seconds(30));
  } catch (const DownloadError& error) {
    tally.add_failures(1, url + ": " + error.what());
  }
}

}  // namespace

WorkReport one_after_the_other(const DemoWork& work) {
  Tally tally;
  for (std::size_t item = 0; item < work.count; ++item) download(work, item, tally);
  return tally.report();
}

WorkReport on_threads(const DemoWork& work) {
  Tally tally;
  std::vector<std::thread> threads;
  try {
    for (std::size_t item = 0; item < work.count; ++item)
      threads.emplace_back([&work, &tally, item] { download(work, item, tally); });
  } catch (const std::system_error& error) {
    tally.add_failures(static_cast<std::uint32_t>(work.count - threads.size()),
                       "only " + std::to_string(threads.size()) + " threads could be started: " + error.what());
  }
  for (std::thread& thread : threads) thread.join();
  return tally.report();
}

WorkReport on_fibers(const DemoWork& work) {
  Tally tally;
  runtime::LocalRuntime rt;
  rt.block_on([&] {
    std::vector<runtime::JoinHandle<void>> fibers;
    for (std::size_t item = 0; item < work.count; ++item)
      fibers.push_back(runtime::spawn_local([&work, &tally, item] { download(work, item, tally); }));
    for (auto& fiber : fibers) fiber.join();
  });
  return tally.report();
}

std::size_t count_wrong_files(const DemoWork& work) {
  std::size_t wrong = 0;
  for (std::size_t item = 0; item < work.count; ++item) {
    std::ifstream file(work.file(item), std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file.is_open() || content != slow_body(work.path(item), work.body_size)) ++wrong;
  }
  return wrong;
}

}  // namespace examples
