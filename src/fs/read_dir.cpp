#include <runtime/fs/read_dir.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "fs/on_pool.hpp"
#include "fs/path.hpp"

namespace runtime::inline v1::fs {
namespace {

constexpr std::size_t kNamesAtOnce = 32;

struct Found {
  char name[NAME_MAX + 1];
  std::size_t size;
  FileType type;
};

FileType type_of_mode(mode_t mode) noexcept {
  if (S_ISREG(mode)) return FileType::file;
  if (S_ISDIR(mode)) return FileType::directory;
  return S_ISLNK(mode) ? FileType::symlink : FileType::other;
}

FileType type_of(DIR* directory, const dirent& entry) noexcept {
  switch (entry.d_type) {
    case DT_REG:
      return FileType::file;
    case DT_DIR:
      return FileType::directory;
    case DT_LNK:
      return FileType::symlink;
    case DT_UNKNOWN: {  // the file system does not keep it with the name
      struct stat status;
      const int result = ::fstatat(::dirfd(directory), entry.d_name, &status, AT_SYMLINK_NOFOLLOW);
      return result == 0 ? type_of_mode(status.st_mode) : FileType::other;
    }
    default:
      return FileType::other;
  }
}

bool is_dot(const char* name) noexcept { return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0; }

}  // namespace

/// Owns: the directory, and the names that have been read ahead.
class ReadDir::Impl final {
 public:
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    const base::ErrnoKeeper errno_before;
    if (directory != nullptr) ::closedir(directory);
  }

  /// The next names into found; 0 or errno. Pool thread.
  int read_some() noexcept {
    at = count = 0;
    while (count < kNamesAtOnce) {
      errno = 0;
      const dirent* entry = ::readdir(directory);
      if (entry == nullptr) {
        is_read = errno == 0;
        return errno;
      }
      if (is_dot(entry->d_name)) continue;
      Found& place = found[count++];
      place.size = ::strnlen(entry->d_name, NAME_MAX);
      std::memcpy(place.name, entry->d_name, place.size);
      place.type = type_of(directory, *entry);
    }
    return 0;
  }

  DIR* directory = nullptr;
  bool is_read = false;  // found has the last ones
  std::size_t at = 0;    // the next to be given
  std::size_t count = 0;
  std::array<Found, kNamesAtOnce> found;
};

ReadDir::ReadDir(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
ReadDir::ReadDir(ReadDir&&) noexcept = default;
ReadDir& ReadDir::operator=(ReadDir&&) noexcept = default;
ReadDir::~ReadDir() = default;

ReadDir::RawEntry ReadDir::next() {
  if (impl_ == nullptr) {
    throw Error(Errc::invalid_argument, "this ReadDir was moved from: go through the one it was moved to");
  }
  Impl& impl = *impl_;
  if (impl.at == impl.count && !impl.is_read) {
    begin_call();
    const int error = call_on_pool(Fate::may_be_refused, [&impl]() noexcept { return impl.read_some(); });
    if (error != 0) base::throw_errno(error, "readdir");
  }
  if (impl.at == impl.count) return {nullptr, 0, FileType::other};
  const Found& next = impl.found[impl.at++];
  return {next.name, next.size, next.type};
}

ReadDir ReadDir::open(std::string_view path) {
  const std::string name = checked_path(path);
  auto impl = std::make_unique<Impl>();
  begin_call();
  const int error = call_on_pool(Fate::may_be_refused, [&]() noexcept {
    impl->directory = ::opendir(name.c_str());
    return impl->directory == nullptr ? errno : 0;
  });
  if (error != 0) throw_about(error, "opendir", name);
  return ReadDir(std::move(impl));
}

}  // namespace runtime::inline v1::fs
