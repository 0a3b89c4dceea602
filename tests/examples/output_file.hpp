#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace examples {

/// A file that appears under its name only when it is complete: until then it is NAME.part.
///
/// Every member throws DownloadError (step file) when the file system refuses.
///
/// Thread safety: one caller at a time.
/// Owns: the open file, and NAME.part until commit().
class OutputFile final {
 public:
  explicit OutputFile(std::string path);
  ~OutputFile();  // without commit(): NAME.part is removed

  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view data);
  void commit();

  std::uint64_t size() const noexcept { return size_; }

 private:
  std::string path_;
  std::string part_;  // empty once it has its final name
  std::FILE* file_;   // null once commit() has closed it
  std::uint64_t size_ = 0;
};

}  // namespace examples
