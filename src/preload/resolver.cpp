#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <cstdlib>

#include "preload/on_pool.hpp"
#include "preload/visit.hpp"

// Questions to name servers. They run on the pool, with the options that the caller's thread has in `_res`: the pool
// thread gets a copy, as several fibers may ask at once, and each talks through sockets of its own.

namespace runtime::preload {
namespace {

/// A copy of the caller's resolver state, for the length of one question.
///
/// Owns: its list of servers, which the C library frees and makes anew when the plain one next to it was changed.
class LentState final {
 public:
  explicit LentState(res_state lender) noexcept : lender_(lender), own_(*lender) {
    own_.options &= ~static_cast<unsigned long>(RES_STAYOPEN);  // nobody would close what stays open here
    own_._vcsock = -1;
    own_._flags = 0;
    for (int& socket : own_._u._ext.nssocks) socket = -1;
    for (sockaddr_in6*& server : own_._u._ext.nsaddrs) {
      sockaddr_in6* const lent = server;
      server = copy(lent);
      if (lent != nullptr && server == nullptr) own_._u._ext.nscount = 0;  // no list: it is made anew
    }
  }
  LentState(const LentState&) = delete;
  LentState& operator=(const LentState&) = delete;
  ~LentState() {
    lender_->id = own_.id;
    lender_->res_h_errno = own_.res_h_errno;
    for (sockaddr_in6* server : own_._u._ext.nsaddrs) std::free(server);
  }

  res_state get() noexcept { return &own_; }

 private:
  // Null without memory.
  static sockaddr_in6* copy(const sockaddr_in6* server) noexcept {
    if (server == nullptr) return nullptr;
    auto* copied = static_cast<sockaddr_in6*>(std::malloc(sizeof(sockaddr_in6)));
    if (copied != nullptr) *copied = *server;
    return copied;
  }

  const res_state lender_;
  struct __res_state own_;
};

/// ask(state), on the pool, with what it leaves in h_errno.
template <class Ask>
int ask_with(res_state state, Ask ask) noexcept {
  int error = 0;
  const int result = on_pool([&] {
    const int size = ask(state);
    error = h_errno;
    return size;
  });
  if (result < 0) h_errno = error;
  return result;
}

/// A state of the caller's own, which no other fiber has, is used as it is.
template <class Ask>
int ask_on_pool(res_state state, Ask ask) noexcept {
  if (state != &_res) return ask_with(state, ask);
  if ((state->options & RES_INIT) == 0 && ::res_init() != 0) {
    h_errno = NETDB_INTERNAL;
    return -1;
  }
  LentState lent(state);
  return ask_with(lent.get(), ask);
}

}  // namespace
}  // namespace runtime::preload

// res_NAME(...) asks with the thread's state, res_nNAME(state, ...) with the one it is given.
#define ASK(name, parameters, arguments)                                                                          \
  RUNTIME_PRELOAD(int, res_n##name, (res_state state, UNWRAP parameters), (state, UNWRAP arguments),              \
                  ask_on_pool(state, [=](res_state asked) { return next_res_n##name(asked, UNWRAP arguments); })) \
  RUNTIME_PRELOAD_ALIAS(int, __res_n##name, res_n##name, (res_state, UNWRAP parameters))                          \
  PLAIN(name, parameters, arguments)
#define PLAIN(name, parameters, arguments)                                                                        \
  RUNTIME_PRELOAD(int, res_##name, parameters, arguments,                                                         \
                  ask_on_pool(&_res, [=](res_state asked) { return next_res_n##name(asked, UNWRAP arguments); })) \
  RUNTIME_PRELOAD_ALIAS(int, __res_##name, res_##name, parameters)
#define UNWRAP(...) __VA_ARGS__

// (<resolv.h> has its own spellings for these names on some systems.)
#undef res_query
#undef res_search
#undef res_querydomain
#undef res_send
#undef res_nquery
#undef res_nsearch
#undef res_nquerydomain
#undef res_nsend

ASK(query, (const char* name, int kind, int type, unsigned char* answer, int size), (name, kind, type, answer, size))
ASK(search, (const char* name, int kind, int type, unsigned char* answer, int size), (name, kind, type, answer, size))
ASK(querydomain, (const char* name, const char* domain, int kind, int type, unsigned char* answer, int size),
    (name, domain, kind, type, answer, size))
ASK(send, (const unsigned char* question, int question_size, unsigned char* answer, int size),
    (question, question_size, answer, size))
