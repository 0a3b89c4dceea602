#include "base/signal_text.hpp"

#include <limits>
#include <string>

#include <doctest/doctest.h>

#include "support/captured_stderr.hpp"
#include "support/leak_check.hpp"

using namespace runtime::base;

TEST_CASE_FIXTURE(test::LeakCheck, "texts and numbers come out in order") {
  const test::CapturedStderr captured;
  SignalText text;
  text << "task " << std::uint64_t{7} << ", " << std::uint64_t{0} << " of " << std::numeric_limits<std::uint64_t>::max()
       << std::string_view() << "\n";
  CHECK(captured.text().empty());
  text.write();
  CHECK(captured.text() == "task 7, 0 of 18446744073709551615\n");
}

TEST_CASE_FIXTURE(test::LeakCheck, "a text longer than the buffer comes out whole, over several calls") {
  const test::CapturedStderr captured;
  SignalText text;
  const std::string line(100, 'x');
  for (int i = 0; i < 25; ++i) text << line;
  text << std::uint64_t{12345};
  CHECK_FALSE(captured.text().empty());
  text.write();
  CHECK(captured.text() == std::string(2500, 'x') + "12345");
}

TEST_CASE_FIXTURE(test::LeakCheck, "a text is written once, and the next one begins empty") {
  const test::CapturedStderr captured;
  SignalText text;
  text << "first\n";
  text.write();
  text.write();
  text << "second\n";
  text.write();
  CHECK(captured.text() == "first\nsecond\n");
}

TEST_CASE_FIXTURE(test::LeakCheck, "a text that fills the buffer to the last byte is whole") {
  const test::CapturedStderr captured;
  SignalText text;
  text << std::string(1024, 'x');
  text.write();
  CHECK(captured.text() == std::string(1024, 'x'));
}
