#include "runtime/current_fiber.hpp"

#include <string>

#include <runtime/error.hpp>

#include "task/park.hpp"

namespace runtime::inline v1::detail {

task::Task& fiber_of_caller(const char* what) {
  task::Task* task = task::parkable();
  if (task == nullptr) {
    throw Error(Errc::no_runtime, std::string(what) + " outside a fiber: call it in a task, or inside block_on()");
  }
  return *task;
}

}  // namespace runtime::inline v1::detail
