// fetch_all: downloads a list of URLs, many at a time, on one thread.
//
// All that is asynchronous is in this file, and it is not much: N fibers that call http_download, which is ordinary
// blocking code, and one more fiber for the progress line.

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include <runtime/runtime.hpp>

#include "command_line.hpp"
#include "descriptor_limit.hpp"
#include "download_error.hpp"
#include "fetch_options.hpp"
#include "http_download.hpp"
#include "progress.hpp"
#include "text.hpp"

namespace {

using namespace examples;

struct Work {
  const std::vector<std::string>& urls;
  const FetchOptions& options;
  Progress& progress;
  std::size_t next = 0;  // the first URL that no fiber has taken yet; all fibers are on one thread, so no lock
};

// What each of the fibers does: takes the next URL until none is left.
void fetch_in_turn(Work& work) {
  while (work.next < work.urls.size()) {
    const std::size_t place = work.next++;
    const std::string& url = work.urls[place];
    const std::string path = work.options.directory + "/" + file_name_for(place, work.urls.size(), url);
    try {
      work.progress.downloaded(http_download(url, path, work.options.silence));
    } catch (const DownloadError& error) {
      work.progress.failed(url, error.what());
    }
  }
}

void fetch_all(Work& work, std::size_t fibers) {
  auto ticker = runtime::TaskBuilder().name("progress").spawn_local([&progress = work.progress] {
    for (;;) {
      runtime::sleep_for(progress.interval());
      progress.show();
    }
  });
  std::vector<runtime::JoinHandle<void>> fetchers;
  for (std::size_t i = 0; i < fibers; ++i) {
    fetchers.push_back(
        runtime::TaskBuilder().name("fetch-" + std::to_string(i)).spawn_local([&work] { fetch_in_turn(work); }));
  }
  for (auto& fetcher : fetchers) fetcher.join();
  ticker.abort();
  ticker.wait();
}

// A fiber has a socket and a file open at a time. Says so if not all of them can have that.
std::size_t fibers_with_descriptors(std::size_t wanted) {
  constexpr std::size_t kOfTheProgram = 32;  // stdin, stdout, stderr, the runtime's own, and some to spare
  const std::size_t limit = raise_descriptor_limit(2 * wanted + kOfTheProgram);
  const std::size_t possible = limit > kOfTheProgram ? (limit - kOfTheProgram) / 2 : 0;
  if (possible >= wanted) return wanted;
  const std::size_t fibers = std::max<std::size_t>(possible, 1);
  std::fprintf(stderr, "fetch_all: only %zu descriptors may be open (ulimit -n): %zu fibers instead of %zu\n", limit,
               fibers, wanted);
  return fibers;
}

int run(int argc, char** argv) {
  const FetchOptions options = parse_fetch_options(argc, argv);
  const std::vector<std::string> urls = read_url_list(options.list);
  check_directory(options.directory);
  const std::size_t fibers = fibers_with_descriptors(std::min(options.fibers, urls.size()));

  Progress progress(urls.size());
  Work work{urls, options, progress};
  runtime::LocalRuntime rt;
  rt.block_on([&] { fetch_all(work, fibers); });
  progress.finish(fibers);
  return progress.failures() == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) { return examples::run_program("fetch_all", kFetchUsage, run, argc, argv); }
