#include "context/context.hpp"

#include <exception>

#include "base/signal_text.hpp"

namespace runtime::inline v1::context {

constinit thread_local void* innermost_place RUNTIME_TLS = nullptr;

Entry::~Entry() {
  if (innermost_place != &place_) {
    base::SignalText text;
    text << "runtime: EnterGuards must be released in the reverse order of their making, on the thread and the task that "
            "made them; one was released while a later one still lives. The program ends.\n";
    text.write();
    std::terminate();
  }
  innermost_place = place_.outer;
}

}  // namespace runtime::inline v1::context
