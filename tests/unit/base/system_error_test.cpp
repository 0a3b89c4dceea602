#include "base/system_error.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace runtime::base;

TEST_CASE("a failed call is thrown with its errno and its name") {
  try {
    throw_errno(EMFILE, "eventfd");
  } catch (const std::system_error& error) {
    CHECK(error.code() == std::error_code(EMFILE, std::system_category()));
    CHECK(std::string(error.what()).find("eventfd") != std::string::npos);
    return;
  }
  FAIL("nothing was thrown");
}

TEST_CASE("an errno keeper gives errno back as it was") {
  errno = EDOM;
  {
    const ErrnoKeeper keeper;
    errno = EIO;
  }
  CHECK(errno == EDOM);
}
