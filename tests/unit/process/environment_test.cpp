#include "process/environment.hpp"

#include <algorithm>
#include <cstdlib>

#include <doctest/doctest.h>

using runtime::process::Environment;

namespace {

using Entries = std::vector<std::string>;

/// The entries of these two names, sorted.
Entries ours(const Environment& environment) {
  Entries all = environment.entries();
  all.erase(
      std::remove_if(all.begin(), all.end(), [](const std::string& entry) { return entry.rfind("RT_TEST_", 0) != 0; }),
      all.end());
  std::sort(all.begin(), all.end());
  return all;
}

struct Inherited {
  Inherited() {
    ::setenv("RT_TEST_A", "1", 1);
    ::setenv("RT_TEST_AB", "2", 1);
  }
  ~Inherited() {
    ::unsetenv("RT_TEST_A");
    ::unsetenv("RT_TEST_AB");
  }
};

}  // namespace

TEST_CASE_FIXTURE(Inherited, "without changes it is ours") {
  CHECK(ours(Environment()) == Entries{"RT_TEST_A=1", "RT_TEST_AB=2"});
}

TEST_CASE_FIXTURE(Inherited, "a change concerns the whole name, and the last one counts") {
  Environment environment;
  environment.set("RT_TEST_A", "x=y");
  CHECK(ours(environment) == Entries{"RT_TEST_A=x=y", "RT_TEST_AB=2"});
  environment.remove("RT_TEST_A");
  CHECK(ours(environment) == Entries{"RT_TEST_AB=2"});
  environment.set("RT_TEST_A", "");
  CHECK(ours(environment) == Entries{"RT_TEST_A=", "RT_TEST_AB=2"});
}

TEST_CASE_FIXTURE(Inherited, "cleared, it has what is set afterwards") {
  Environment environment;
  environment.set("RT_TEST_A", "gone");
  environment.clear();
  CHECK(environment.entries().empty());
  environment.set("RT_TEST_C", "3");
  CHECK(environment.entries() == Entries{"RT_TEST_C=3"});
}

TEST_CASE_FIXTURE(Inherited, "only what is set here counts as changed") {
  Environment environment;
  CHECK(environment.changed("RT_TEST_A") == nullptr);
  environment.set("RT_TEST_A", "new");
  REQUIRE(environment.changed("RT_TEST_A") != nullptr);
  CHECK(*environment.changed("RT_TEST_A") == "new");
  environment.remove("RT_TEST_A");
  CHECK(environment.changed("RT_TEST_A") == nullptr);
}
