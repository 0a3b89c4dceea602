#include "sync/message.hpp"

#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "support/test_task.hpp"

using namespace runtime::sync;
using runtime::detail::ValueOf;

namespace {

struct alignas(128) Aligned {
  char byte = 1;
};
struct Large {
  char bytes[100];
};

}  // namespace

TEST_CASE("only small trivial values are copied as bytes") {
  CHECK(is_bytes(ValueOf<int>::kType));
  CHECK(is_bytes(ValueOf<std::pair<int, long>*>::kType));
  CHECK_FALSE(is_bytes(ValueOf<Large>::kType));
  CHECK_FALSE(is_bytes(ValueOf<std::string>::kType));
  CHECK((ValueOf<std::string>::kType.copy != nullptr));
  CHECK((ValueOf<std::unique_ptr<int>>::kType.copy == nullptr));
  CHECK((ValueOf<Large>::kType.destroy == nullptr));
}

TEST_CASE("a message has room for its value, aligned as it has to be") {
  const ValueType& type = ValueOf<Aligned>::kType;
  Message* message = Message::make(type);
  CHECK(reinterpret_cast<std::uintptr_t>(message->value(type)) % 128 == 0);
  Aligned value;
  move_value(type, message->value(type), &value);
  Message::destroy(message, type);
  Message::free(nullptr, type);
}

TEST_CASE("a value's destructor runs shielded from cancellation") {
  struct Probe {
    explicit Probe(int& seen) : seen(&seen) {}
    Probe(Probe&& other) noexcept : seen(std::exchange(other.seen, nullptr)) {}
    ~Probe() {
      const runtime::task::Task* self = runtime::task::parkable();
      if (seen != nullptr && self != nullptr) *seen = runtime::task::is_cancel_due(*self) ? 2 : 1;
    }
    int* seen;  // 1: deaf, 2: to be cancelled
  };
  test::RecordingSchedule schedule;
  test::TestTask cell(schedule);
  const test::Running running(cell.task);
  cell.task.abort();
  CHECK(runtime::task::is_cancel_due(cell.task));
  int seen = 0;
  const ValueType& type = ValueOf<Probe>::kType;
  Message* message = Message::make(type);
  Probe probe(seen);
  move_value(type, message->value(type), &probe);
  CHECK(seen == 0);
  Message::destroy(message, type);
  CHECK(seen == 1);
  CHECK(runtime::task::is_cancel_due(cell.task));
}

TEST_CASE("spare messages are kept up to a number, and taken over from one another") {
  const ValueType& type = ValueOf<int>::kType;
  SpareMessages spare(type), other(type);
  CHECK(spare.pop() == nullptr);
  CHECK(spare.put(nullptr) == nullptr);
  Message* first = Message::make(type);
  CHECK(spare.put(first) == nullptr);
  CHECK(spare.pop() == first);
  CHECK(other.put(first) == nullptr);
  spare.put_all(other);
  CHECK(other.pop() == nullptr);
  for (std::size_t i = 1; i < SpareMessages::kEnough; ++i) CHECK(spare.put(Message::make(type)) == nullptr);
  Message* surplus = Message::make(type);
  CHECK(spare.put(surplus) == surplus);
  CHECK(other.put(surplus) == nullptr);
  spare.put_all(other);  // there are enough
  CHECK(other.pop() == surplus);
  Message::free(surplus, type);
}
