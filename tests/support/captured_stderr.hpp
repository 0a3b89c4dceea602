#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include <doctest/doctest.h>

namespace test {

/// While it lives, what this process writes to stderr goes into memory.
class CapturedStderr {
 public:
  CapturedStderr() : saved_(::dup(STDERR_FILENO)), memory_(::memfd_create("stderr", MFD_CLOEXEC)) {
    REQUIRE(saved_ >= 0);
    REQUIRE(::dup2(memory_, STDERR_FILENO) == STDERR_FILENO);
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;
  ~CapturedStderr() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    ::close(memory_);
  }

  std::string text() const {
    const off_t size = ::lseek(memory_, 0, SEEK_END);
    std::string all(static_cast<std::size_t>(size), '\0');
    CHECK(::pread(memory_, all.data(), all.size(), 0) == size);
    return all;
  }

 private:
  int saved_, memory_;
};

}  // namespace test
