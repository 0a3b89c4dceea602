#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace fs {

/// What a name in a directory stands for; a symbolic link for itself.
enum class FileType : std::uint8_t { file, directory, symlink, other };

/// A name in a directory. A value.
class DirEntry final {
 public:
  DirEntry() = default;
  DirEntry(std::string file_name, FileType type) : file_name_(std::move(file_name)), type_(type) {}

  /// Without the directory's.
  const std::string& file_name() const noexcept { return file_name_; }
  FileType file_type() const noexcept { return type_; }
  bool is_file() const noexcept { return type_ == FileType::file; }
  bool is_dir() const noexcept { return type_ == FileType::directory; }
  bool is_symlink() const noexcept { return type_ == FileType::symlink; }

 private:
  std::string file_name_;
  FileType type_ = FileType::other;
};

/// The names in a directory but `.` and `..`, in the order the file system has them. To be gone through once: a range
/// for `for`. It reads a number of names at a time, on the blocking pool.
///
/// Going to the next entry Parks: for the disk. Throws: std::system_error; Error shut_down, invalid_argument when this
/// was moved from; Cancelled.
/// Movable, not while it is gone through. Thread safety: one caller at a time. Owns: the open directory.
class RUNTIME_API ReadDir final {
 public:
  /// See read_dir().
  static ReadDir open(std::string_view path);
  ReadDir(ReadDir&&) noexcept;
  ReadDir& operator=(ReadDir&&) noexcept;
  ~ReadDir();

  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = DirEntry;
    using difference_type = std::ptrdiff_t;
    using pointer = const DirEntry*;
    using reference = const DirEntry&;

    /// The end.
    iterator() = default;
    reference operator*() const noexcept { return entry_; }
    pointer operator->() const noexcept { return &entry_; }
    iterator& operator++() {
      read_next();
      return *this;
    }
    void operator++(int) { read_next(); }
    friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.range_ == b.range_; }
    friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

   private:
    friend class ReadDir;
    explicit iterator(ReadDir& range) : range_(&range) { read_next(); }
    void read_next() {
      const RawEntry raw = range_->next();
      if (raw.name == nullptr) {
        range_ = nullptr;
      } else {
        entry_ = DirEntry(std::string(raw.name, raw.size), raw.type);
      }
    }

    ReadDir* range_ = nullptr;
    DirEntry entry_;
  };

  iterator begin() { return iterator(*this); }
  iterator end() noexcept { return iterator(); }

 private:
  class RUNTIME_LOCAL Impl;
  struct RawEntry {
    const char* name;  // null: there are no more; valid until the next call
    std::size_t size;
    FileType type;
  };
  explicit ReadDir(std::unique_ptr<Impl> impl) noexcept;
  RawEntry next();

  std::unique_ptr<Impl> impl_;
};

/// Opens a directory to be gone through. Parks, Throws: as ReadDir.
inline ReadDir read_dir(std::string_view path) { return ReadDir::open(path); }

}  // namespace fs
}  // namespace v1
}  // namespace runtime
