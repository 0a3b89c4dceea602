#include "task/unhandled.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string_view>
#include <typeinfo>
#include <utility>

#include "base/signal_text.hpp"

namespace runtime::inline v1::task {
namespace {

/// A text to be kept, written as one that goes to stderr is.
class KeptText final {
 public:
  KeptText& operator<<(std::string_view part) {
    text += part;
    return *this;
  }
  KeptText& operator<<(std::uint64_t number) { return *this << std::string_view(std::to_string(number)); }

  std::string text;
};

template <class Text>
void append_type(Text& text, const std::type_info* type) {
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

template <class Text>
void append_source(Text& text, const Unhandled& unhandled) {
  if (unhandled.part != nullptr) {
    text << unhandled.part << " ";
    if (unhandled.task == nullptr) {
      text << "ended with an exception that nobody received: ";
      return;
    }
    text << "in ";
  } else if (unhandled.task == nullptr) {
    text << "the hook " << unhandled.hook << " threw an exception: ";
    return;
  }
  const Task& task = *unhandled.task;
  if (task.id == 0) {
    text << "the root of block_on ended with an exception that nobody received: ";
    return;
  }
  text << "task " << task.id;
  if (!task.name().empty()) text << " \"" << task.name() << "\"";
  text << ", spawned at " << task.spawn_file << ":" << std::uint64_t{task.spawn_line}
       << ", ended with an exception that nobody received: ";
}

template <class Text>
void append_all(Text& text, const Unhandled& unhandled) {
  append_source(text, unhandled);
  try {
    std::rethrow_exception(unhandled.exception);
  } catch (const std::exception& exception) {
    text << exception.what();
    append_type(text, &typeid(exception));
  } catch (...) {
    text << "not a std::exception";
    append_type(text, abi::__cxa_current_exception_type());
  }
}

}  // namespace

void report_unhandled_exception(const Unhandled& unhandled) noexcept {
  base::SignalText text;
  text << "runtime: ";
  append_all(text, unhandled);
  const bool is_of_task = unhandled.task != nullptr && unhandled.part == nullptr;
  text << (is_of_task ? ". Join the task, or catch it inside.\n" : ". Catch it inside.\n");
  text.write();
}

std::string describe_unhandled_exception(const Unhandled& unhandled) {
  KeptText text;
  append_all(text, unhandled);
  return std::move(text.text);
}

}  // namespace runtime::inline v1::task
