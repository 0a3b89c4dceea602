#pragma once

#include <exception>
#include <string>

#include "task/task.hpp"

namespace runtime::inline v1::task {

/// An exception that nobody receives, and where it comes from: a task that ended with it, or a hook that threw it.
struct Unhandled {
  const Task* task = nullptr;
  const char* hook = nullptr;  // a setter of Builder; counts if there is no task
  std::exception_ptr exception;
  const char* part = nullptr;  // of the task: what threw it, where the task itself goes on
};

/// Writes one text to stderr: which task or hook, and what the exception says. Any thread.
void report_unhandled_exception(const Unhandled& unhandled) noexcept;

/// The same as a part of a sentence. Throws: std::bad_alloc.
std::string describe_unhandled_exception(const Unhandled& unhandled);

}  // namespace runtime::inline v1::task
