#include <runtime/error.hpp>

#include <string>

// Out of line, so that each type has one vtable and one typeinfo, in this library.

namespace runtime::inline v1 {

Error::Error(Errc code, std::string_view sentence) : std::runtime_error(std::string(sentence)), code_(code) {}
Error::Error(const Error&) noexcept = default;
Error& Error::operator=(const Error&) noexcept = default;
Error::~Error() = default;
Errc Error::code() const noexcept { return code_; }

Elapsed::Elapsed() : Error(Errc::elapsed, "the deadline of timeout() came before its function was done") {}
Elapsed::Elapsed(const Elapsed&) noexcept = default;
Elapsed& Elapsed::operator=(const Elapsed&) noexcept = default;
Elapsed::~Elapsed() = default;

JoinError::JoinError(TaskId id)
    : Error(Errc::cancelled, "task " + std::to_string(id.value()) + " was cancelled"), id_(id) {}
JoinError::JoinError(const JoinError&) noexcept = default;
JoinError& JoinError::operator=(const JoinError&) noexcept = default;
JoinError::~JoinError() = default;
TaskId JoinError::id() const noexcept { return id_; }

Lagged::Lagged(std::uint64_t missed)
    : Error(Errc::lagged, "the broadcast receiver lagged behind: " + std::to_string(missed) + " messages are lost to it"),
      missed_(missed) {}
Lagged::Lagged(const Lagged&) noexcept = default;
Lagged& Lagged::operator=(const Lagged&) noexcept = default;
Lagged::~Lagged() = default;
std::uint64_t Lagged::missed() const noexcept { return missed_; }

Cancelled::Cancelled() noexcept = default;
Cancelled::Cancelled(const Cancelled&) noexcept = default;
Cancelled& Cancelled::operator=(const Cancelled&) noexcept = default;
Cancelled::~Cancelled() = default;

}  // namespace runtime::inline v1
