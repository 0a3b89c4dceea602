#include <runtime/detail/lost.hpp>

#include "runtime/inner.hpp"
#include "task/branch.hpp"
#include "task/current.hpp"
#include "task/unhandled.hpp"

namespace runtime::inline v1::detail {

void report_lost(const char* part, const std::exception_ptr& exception) noexcept {
  const task::Task* task = task::current();
  if (task == nullptr) return task::report_unhandled_exception({nullptr, nullptr, exception, part});
  const task::Task& known = task::identity_of(*task);
  Inner::of(known).scheduler().report_lost({&known, nullptr, exception, part});
}

}  // namespace runtime::inline v1::detail
