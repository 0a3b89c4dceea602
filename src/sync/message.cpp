#include "sync/message.hpp"

#include <new>

namespace runtime::inline v1::sync {
namespace {

std::align_val_t alignment_of(const ValueType& type) noexcept {
  return std::align_val_t{type.align > alignof(Message) ? type.align : alignof(Message)};
}

}  // namespace

Message* Message::make(const ValueType& type) {
  return ::new (::operator new(offset(type) + type.size, alignment_of(type))) Message();
}

void Message::free(Message* message, const ValueType& type) noexcept {
  if (message != nullptr) ::operator delete(message, alignment_of(type));
}

}  // namespace runtime::inline v1::sync
