#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace examples {

/// Which step of a download failed.
enum class DownloadStep : std::uint8_t { url, resolve, connect, send, receive, protocol, status, body, file };

/// A download that did not succeed: the step, and a sentence for a person.
class DownloadError final : public std::runtime_error {
 public:
  DownloadError(DownloadStep step, const std::string& sentence) : std::runtime_error(sentence), step_(step) {}

  DownloadStep step() const noexcept { return step_; }

 private:
  DownloadStep step_;
};

}  // namespace examples
