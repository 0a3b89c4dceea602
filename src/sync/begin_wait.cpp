#include "sync/begin_wait.hpp"

#include <string>

#include <runtime/error.hpp>

namespace runtime::inline v1::sync {

void check_limit(base::Nanos limit, const char* call) {
  if (limit < 0) throw Error(Errc::invalid_argument, std::string(call) + " takes a limit of zero or more");
  time::require_timers(call);
}

void throw_closed(const char* sentence) { throw Error(Errc::closed, sentence); }
void throw_misuse(const char* sentence) { throw Error(Errc::invalid_argument, sentence); }
void throw_would_deadlock(const char* sentence) { throw Error(Errc::would_deadlock, sentence); }

}  // namespace runtime::inline v1::sync
