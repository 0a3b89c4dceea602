#pragma once

#include <cstdint>
#include <filesystem>

namespace examples {

/// A new directory for files that are soon removed; it goes with all that is in it.
///
/// In $TMPDIR if that is set; otherwise in memory (/dev/shm) if the files fit there with ease, so that what is measured
/// is not the disk; otherwise in the usual place for temporary files.
///
/// Thread safety: a value that stays in its place.
/// Owns: the directory.
class TemporaryDirectory final {
 public:
  /// `bytes`: what the files will need together. Throws: std::system_error.
  explicit TemporaryDirectory(std::uintmax_t bytes);
  ~TemporaryDirectory();  // says on stderr if it cannot remove it

  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace examples
