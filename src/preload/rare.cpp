#include <aio.h>
#include <netdb.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <cstdarg>

#include "preload/on_pool.hpp"
#include "preload/visit.hpp"

// Calls that wait inside the C library, seldom enough that a pool thread may do it.

RUNTIME_PRELOAD(int, aio_suspend, (const aiocb* const* list, int count, const timespec* limit), (list, count, limit),
                on_pool([=] { return next_aio_suspend(list, count, limit); }))
RUNTIME_PRELOAD_ALIAS(int, aio_suspend64, aio_suspend, (const aiocb* const*, int, const timespec*))

RUNTIME_PRELOAD(int, getaddrinfo_a, (int mode, gaicb** list, int count, sigevent* event), (mode, list, count, event),
                mode == GAI_WAIT ? on_pool([=] { return next_getaddrinfo_a(mode, list, count, event); })
                                 : next_getaddrinfo_a(mode, list, count, event))
RUNTIME_PRELOAD(int, gai_suspend, (const gaicb* const* list, int count, const timespec* limit), (list, count, limit),
                on_pool([=] { return next_gai_suspend(list, count, limit); }))

RUNTIME_PRELOAD(char*, getpass, (const char* prompt), (prompt), on_pool([=] { return next_getpass(prompt); }))

// The log: a datagram to a daemon, which waits when the daemon does not read. The text is made on the pool, too: it is
// the C library's to say what %m is, and on_pool() hands errno over.

RUNTIME_PRELOAD_NEXT(void, vsyslog, (int, const char*, va_list))
RUNTIME_PRELOAD_NEXT(void, __vsyslog_chk, (int, int, const char*, va_list))
RUNTIME_PRELOAD_CALL(syslog)
RUNTIME_PRELOAD_CALL(__syslog_chk)

namespace runtime::preload {
namespace {

/// log(): the original, with the arguments taken apart.
template <class Log>
void log_parking(const void* caller, Call& call, Log log) noexcept {
  runtime_companion_words* fiber = runtime_companion_here();
  if (__builtin_expect(fiber == nullptr, 1)) return log();
  const Visit visit(*fiber, caller, call);
  if (!visit.is_ours()) return log();
  on_pool([&] {
    log();
    return 0;
  });
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD_EXPORT(void, vsyslog, (int priority, const char* format, va_list arguments)) {
  using namespace runtime::preload;
  log_parking(__builtin_return_address(0), call_vsyslog, [&] { next_vsyslog(priority, format, arguments); });
}
RUNTIME_PRELOAD_EXPORT(void, __vsyslog_chk, (int priority, int flag, const char* format, va_list arguments)) {
  using namespace runtime::preload;
  log_parking(__builtin_return_address(0), call___vsyslog_chk,
              [&] { next___vsyslog_chk(priority, flag, format, arguments); });
}
RUNTIME_PRELOAD_EXPORT(void, syslog, (int priority, const char* format, ...)) {
  using namespace runtime::preload;
  va_list arguments;
  va_start(arguments, format);
  log_parking(__builtin_return_address(0), call_syslog, [&] { next_vsyslog(priority, format, arguments); });
  va_end(arguments);
}
RUNTIME_PRELOAD_EXPORT(void, __syslog_chk, (int priority, int flag, const char* format, ...)) {
  using namespace runtime::preload;
  va_list arguments;
  va_start(arguments, format);
  log_parking(__builtin_return_address(0), call___syslog_chk,
              [&] { next___vsyslog_chk(priority, flag, format, arguments); });
  va_end(arguments);
}
