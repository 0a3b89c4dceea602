#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include <sys/socket.h>

#include <runtime/blocking.hpp>
#include <runtime/local_runtime.hpp>
#include <runtime/scope.hpp>

namespace runtime {
inline namespace v1 {

namespace detail {

template <class Writer, class = void>
struct HasFlush : std::false_type {};
template <class Writer>
struct HasFlush<Writer, std::void_t<decltype(std::declval<Writer&>().flush())>> : std::true_type {};

}  // namespace detail

namespace io {

/// Reads from one to its end and writes all of it to the other; gives how many bytes that was.
///
/// For anything with read(void*, std::size_t), 0 at the end, and with write_all(std::string_view); a writer with
/// flush() is flushed at the end. Parks and throws as these. Cancellation: what was read and not written is lost.
template <class Reader, class Writer>
std::uint64_t copy(Reader&& reader, Writer&& writer) {
  constexpr std::size_t kBuffer = 16 * 1024;
  const std::unique_ptr<char[]> buffer(new char[kBuffer]);
  std::uint64_t total = 0;
  while (const std::size_t got = reader.read(buffer.get(), kBuffer)) {
    writer.write_all(std::string_view(buffer.get(), got));
    total += got;
  }
  if constexpr (detail::HasFlush<Writer>::value) writer.flush();
  return total;
}

/// Copies from a to b and from b to a at once, until both have ended; gives the bytes of a to b, and of b to a. The end
/// of one direction is passed on with shutdown(SHUT_WR), while the other goes on.
///
/// Parks: until both directions have ended. Throws: the first error of either; the other direction is given up then.
/// Each direction is a task of the caller's runtime; a thread without a fiber gets a runtime of its own for it.
template <class A, class B>
std::pair<std::uint64_t, std::uint64_t> copy_bidirectional(A&& a, B&& b) {
  const auto both = [&a, &b] {
    const auto forth = [&a, &b] {
      const std::uint64_t total = io::copy(a, b);
      b.shutdown(SHUT_WR);
      return total;
    };
    const auto back = [&a, &b] {
      const std::uint64_t total = io::copy(b, a);
      a.shutdown(SHUT_WR);
      return total;
    };
    const auto totals = join_all_of(forth, back);
    return std::pair<std::uint64_t, std::uint64_t>(std::get<0>(totals), std::get<1>(totals));
  };
  return detail::on_fiber() ? both() : runtime::run(both);
}

}  // namespace io
}  // namespace v1
}  // namespace runtime
