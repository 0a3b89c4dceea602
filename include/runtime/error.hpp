#pragma once

#include <cstdint>
#include <stdexcept>
#include <string_view>

#include <runtime/export.hpp>
#include <runtime/task_id.hpp>

namespace runtime {
inline namespace v1 {

/// What went wrong, for programs. Values are part of the ABI: appended to, never renumbered.
enum class Errc : std::uint8_t {
  no_runtime = 1,
  wrong_thread = 2,
  nested_block_on = 3,
  shut_down = 4,
  would_deadlock = 5,
  invalid_argument = 6,
  io_disabled = 7,
  time_disabled = 8,
  elapsed = 9,
  cancelled = 10,
  closed = 11,
  lagged = 12,
  not_supported = 13,
  not_set = 14,
  unexpected_end = 15,
};

/// Every misuse of this library and every condition of the runtime: a code, and a sentence that says what to do.
///
/// What the operating system refuses is a std::system_error instead.
class RUNTIME_API Error : public std::runtime_error {
 public:
  Error(Errc code, std::string_view sentence);
  Error(const Error&) noexcept;
  Error& operator=(const Error&) noexcept;
  ~Error() override;

  Errc code() const noexcept;

 private:
  Errc code_;
};

/// The deadline of a timeout() came before its function was done. code() is Errc::elapsed.
class RUNTIME_API Elapsed : public Error {
 public:
  Elapsed();
  Elapsed(const Elapsed&) noexcept;
  Elapsed& operator=(const Elapsed&) noexcept;
  ~Elapsed() override;
};

/// The task that was joined has no result, because it was cancelled. code() is Errc::cancelled.
class RUNTIME_API JoinError : public Error {
 public:
  explicit JoinError(TaskId id);
  JoinError(const JoinError&) noexcept;
  JoinError& operator=(const JoinError&) noexcept;
  ~JoinError() override;

  TaskId id() const noexcept;

 private:
  TaskId id_;
};

/// A broadcast receiver was too slow: messages it had not taken have been overwritten. It goes on with the oldest that is
/// left. code() is Errc::lagged.
class RUNTIME_API Lagged : public Error {
 public:
  explicit Lagged(std::uint64_t missed);
  Lagged(const Lagged&) noexcept;
  Lagged& operator=(const Lagged&) noexcept;
  ~Lagged() override;

  /// How many messages are lost to it.
  std::uint64_t missed() const noexcept;

 private:
  std::uint64_t missed_;
};

/// Thrown at a suspension point of a cancelled task or scope, to unwind the fiber as far as that.
///
/// Deliberately not a std::exception, so that `catch (const std::exception&)` lets it pass. A `catch (...)` that
/// swallows it gets it again at the next suspension point. While a fiber is unwinding, waits park normally, so
/// destructors may still do I/O.
class RUNTIME_API Cancelled {
 public:
  Cancelled() noexcept;
  Cancelled(const Cancelled&) noexcept;
  Cancelled& operator=(const Cancelled&) noexcept;
  ~Cancelled();
};

}  // namespace v1
}  // namespace runtime
