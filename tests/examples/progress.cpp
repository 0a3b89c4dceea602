#include "progress.hpp"

#include <cstdio>

#include <unistd.h>

#include "text.hpp"

namespace examples {

namespace {

double mebibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

}  // namespace

Progress::Progress(std::size_t total) : terminal_(isatty(STDERR_FILENO) == 1), total_(total) {}

void Progress::downloaded(std::uint64_t bytes) {
  ++downloaded_;
  bytes_ += bytes;
}

void Progress::failed(const std::string& url, const std::string& sentence) {
  ++failed_;
  take_line_away();
  std::fprintf(stderr, "failed: %s: %s\n", printable(url).c_str(), sentence.c_str());
}

std::chrono::milliseconds Progress::interval() const noexcept {
  return std::chrono::milliseconds(terminal_ ? 100 : 1000);
}

void Progress::show() {
  take_line_away();
  std::fprintf(stderr, "%s of %s done, %s failed, %.1f MiB, %.1f s%s", with_commas(downloaded_ + failed_).c_str(),
               with_commas(total_).c_str(), with_commas(failed_).c_str(), mebibytes(bytes_), seconds(),
               terminal_ ? "" : "\n");
  std::fflush(stderr);
}

void Progress::finish(std::size_t fibers) {
  take_line_away();
  const double took = seconds();
  std::printf("%s of %s downloaded, %s failed, %.1f MiB in %.2f s (%.1f MiB/s) by %s %s on one thread\n",
              with_commas(downloaded_).c_str(), with_commas(total_).c_str(), with_commas(failed_).c_str(),
              mebibytes(bytes_), took, took > 0 ? mebibytes(bytes_) / took : 0.0, with_commas(fibers).c_str(),
              fibers == 1 ? "fiber" : "fibers");
}

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Progress::take_line_away() {
  if (terminal_) std::fputs("\r\033[K", stderr);
}

}  // namespace examples
