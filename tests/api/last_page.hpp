#pragma once

// A buffer behind which there is nothing: a call that is told of more moves what is there.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include <doctest/doctest.h>

namespace api_test {

/// A page of zeros whose successor can neither be read nor written. One at a time.
///
/// In the program's data, which is far from where the addresses of a process end: there the kernel refuses more than is
/// left (EFAULT), whatever it would have moved.
class LastPage {
 public:
  LastPage() : size_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
    REQUIRE(size_ <= kLargestPage);
    REQUIRE(::mprotect(room + kLargestPage, kLargestPage, PROT_NONE) == 0);
  }
  LastPage(const LastPage&) = delete;
  LastPage& operator=(const LastPage&) = delete;
  ~LastPage() { ::mprotect(room + kLargestPage, kLargestPage, PROT_READ | PROT_WRITE); }

  char* data() const { return room + kLargestPage - size_; }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kLargestPage = 65536;
  alignas(kLargestPage) inline static char room[2 * kLargestPage];

  std::size_t size_;
};

/// Sizes that no buffer has.
constexpr std::size_t kTooMuch[] = {SIZE_MAX, std::size_t{SIZE_MAX} / 2 + 1};

}  // namespace api_test
