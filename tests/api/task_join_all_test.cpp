// join_all_of(): several functions at once, their results as a tuple, the first failure for all.

#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "support.hpp"

using namespace api_test;

namespace {
int seven() { return 7; }
}  // namespace

TEST_CASE("join_all_of runs all at once and gives their results in order, void as monostate") {
  Checked house;
  house.rt.block_on([] {
    int turn = 0, borrowed = 1;
    const auto constant = [&] { return ++turn; };
    auto results = runtime::join_all_of(
        [&] {
          while (turn == 0) runtime::yield_now();  // for ever, if the others did not run meanwhile
          return std::string("first");
        },
        constant, [] {}, [] { return std::make_unique<int>(9); }, seven, [&]() -> int& { return borrowed; },
        [p = std::make_unique<int>(2)]() mutable { return std::move(p); });
    static_assert(std::is_same_v<decltype(results),
                                 std::tuple<std::string, int, std::monostate, std::unique_ptr<int>, int, int,
                                            std::unique_ptr<int>>>);
    CHECK(std::get<0>(results) == "first");
    CHECK(std::get<1>(results) == 1);
    CHECK(*std::get<3>(results) == 9);
    CHECK(std::get<4>(results) == 7);
    CHECK(std::get<5>(results) == 1);
    CHECK(*std::get<6>(results) == 2);
    static_assert(std::is_same_v<decltype(runtime::join_all_of()), std::tuple<>>);
    runtime::join_all_of();
  });
}

TEST_CASE("join_all_of throws the first failure in time once the others are unwound") {
  Checked house;
  house.rt.block_on([] {
    bool unwound = false;
    const auto failing = [&] {
      runtime::join_all_of(
          [&] {
            const AtExit at_exit([&] { unwound = true; });
            wait_for_ever();
            return 1;
          },
          [] {
            runtime::sleep_for(100us);
            throw std::runtime_error("failed");
          });
    };
    CHECK_THROWS_WITH_AS(failing(), "failed", std::runtime_error);
    CHECK(unwound);
  });
}
