#include "task/unhandled.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string_view>
#include <typeinfo>

#include "base/signal_text.hpp"

namespace runtime::inline v1::task {
namespace {

void append_type(base::SignalText& text, const std::type_info* type) noexcept {
  if (type == nullptr) return;
  // The demangler takes stack in proportion to the name, and this may be a small one.
  constexpr std::size_t kLongest = 64;
  if (std::string_view(type->name()).size() > kLongest) {
    text << " (" << type->name() << ")";
    return;
  }
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(type->name(), nullptr, nullptr, &status),
                                                         &std::free);
  text << " (" << (status == 0 ? name.get() : type->name()) << ")";
}

}  // namespace

void report_unhandled_exception(Task& task) noexcept {
  base::SignalText text;
  text << "runtime: task " << task.id;
  if (!task.name().empty()) text << " \"" << task.name() << "\"";
  text << ", spawned at " << task.spawn_file << ":" << task.spawn_line
       << ", ended with an exception that nobody received: ";
  try {
    std::rethrow_exception(task.exception);
  } catch (const std::exception& exception) {
    text << exception.what();
    append_type(text, &typeid(exception));
  } catch (...) {
    text << "not a std::exception";
    append_type(text, abi::__cxa_current_exception_type());
  }
  text << ". Join the task, or catch it inside.\n";
  text.write();
}

}  // namespace runtime::inline v1::task
