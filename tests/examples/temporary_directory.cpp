#include "temporary_directory.hpp"

#include <cstdio>
#include <string>
#include <system_error>

#include <stdlib.h>
#include <unistd.h>

#include "throw_errno.hpp"

namespace examples {

namespace {

std::filesystem::path place_for(std::uintmax_t bytes) {
  const char* const memory = "/dev/shm";
  std::error_code missing;
  const std::filesystem::space_info space = std::filesystem::space(memory, missing);
  const bool fits = !missing && space.available / 2 >= bytes && ::access(memory, W_OK) == 0;
  return getenv("TMPDIR") == nullptr && fits ? memory : std::filesystem::temp_directory_path();
}

}  // namespace

TemporaryDirectory::TemporaryDirectory(std::uintmax_t bytes) {
  std::string name = (place_for(bytes) / "libruntime-demo-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw_errno("mkdtemp " + name);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code failure;
  std::filesystem::remove_all(path_, failure);
  if (failure) std::fprintf(stderr, "demo: cannot remove %s: %s\n", path_.c_str(), failure.message().c_str());
}

}  // namespace examples
