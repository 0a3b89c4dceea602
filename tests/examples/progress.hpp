#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace examples {

/// Tells the user how far many downloads are: one line that is rewritten on a terminal, a line a second elsewhere.
///
/// Everything goes to stderr but the summary, which is the result.
///
/// Thread safety: one thread; fibers of one runtime are that.
class Progress final {
 public:
  explicit Progress(std::size_t total);

  void downloaded(std::uint64_t bytes);
  void failed(const std::string& url, const std::string& sentence);

  /// How long to wait between two show() calls.
  std::chrono::milliseconds interval() const noexcept;
  void show();

  /// Takes the line away and prints the summary on stdout: "998 of 1,000 downloaded, 2 failed, 12.1 MiB in 0.42 s".
  void finish(std::size_t fibers);

  std::size_t failures() const noexcept { return failed_; }

 private:
  double seconds() const;
  void take_line_away();

  const bool terminal_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  const std::size_t total_;
  std::size_t downloaded_ = 0;
  std::size_t failed_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace examples
