#include "base/sanitizer.hpp"

#include <initializer_list>

#include <doctest/doctest.h>

#include "support/sanitized.hpp"

using namespace runtime::base;

TEST_CASE("the table has exactly what the sanitizers of this program offer") {
  CHECK((sanitizer.start_switch_fiber != nullptr) == (test::kAddressSanitizer || test::kThreadSanitizer));
  CHECK((sanitizer.finish_switch_fiber != nullptr) == (test::kAddressSanitizer || test::kThreadSanitizer));
  CHECK((sanitizer.unpoison != nullptr) == test::kAddressSanitizer);
  for (const bool has : {sanitizer.tsan_create_fiber != nullptr, sanitizer.tsan_destroy_fiber != nullptr,
                         sanitizer.tsan_switch_to_fiber != nullptr, sanitizer.tsan_current_fiber != nullptr,
                         sanitizer.tsan_acquire != nullptr, sanitizer.tsan_release != nullptr}) {
    CHECK(has == test::kThreadSanitizer);
  }
}

TEST_CASE("nobody has to be told of switches in a plain program") {
  CHECK(sanitizer.any == (test::kAddressSanitizer || test::kThreadSanitizer));
}
