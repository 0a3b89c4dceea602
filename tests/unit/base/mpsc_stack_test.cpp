#include "base/mpsc_stack.hpp"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"

using namespace runtime::base;

namespace {

struct Item {
  int producer = 0;
  int number = 0;
  Item* next = nullptr;
};
using Stack = MpscStack<Item, &Item::next>;

std::vector<int> numbers(const Item* chain) {
  std::vector<int> all;
  for (; chain != nullptr; chain = chain->next) all.push_back(chain->number);
  return all;
}

constexpr int kProducers = 4;
constexpr int kItems = 20'000;

}  // namespace

TEST_CASE("what was pushed is taken at once, oldest first") {
  Item items[] = {{0, 1}, {0, 2}, {0, 3}};
  Stack stack;
  CHECK(stack.is_empty());
  CHECK(stack.take_all() == nullptr);
  for (Item& item : items) CHECK(stack.push(item));
  CHECK_FALSE(stack.is_empty());
  CHECK(numbers(stack.take_all()) == std::vector{1, 2, 3});
  CHECK(stack.is_empty());
}

TEST_CASE("close takes what is there, and a push after it fails") {
  Item first{0, 1}, second{0, 2}, late{0, 3};
  Stack stack;
  CHECK(stack.push(first));
  CHECK(stack.push(second));
  CHECK(numbers(stack.close()) == std::vector{1, 2});
  CHECK_FALSE(stack.push(late));
  CHECK(stack.close() == nullptr);
}

TEST_CASE("a closed stack is empty, gives nothing, and stays closed") {
  Item item;
  Stack stack;
  CHECK(stack.close() == nullptr);
  CHECK(stack.is_empty());
  CHECK(stack.take_all() == nullptr);
  CHECK_FALSE(stack.push(item));
}

TEST_CASE_FIXTURE(test::LeakCheck, "four threads push, one takes: nothing is lost, and each thread's order is kept") {
  auto items = std::make_unique<Item[]>(kProducers * kItems);
  Stack stack;
  std::vector<std::thread> producers;
  for (int p = 0; p < kProducers; ++p) {
    producers.emplace_back([&, p] {
      for (int i = 0; i < kItems; ++i) {
        Item& item = items[p * kItems + i];
        item.producer = p;
        item.number = i;
        stack.push(item);
      }
    });
  }
  int next[kProducers] = {};
  bool in_order = true;
  int taken = 0;
  CHECK(test::eventually([&] {
    for (Item* item = stack.take_all(); item != nullptr; item = item->next) {
      in_order &= item->number == next[item->producer]++;
      ++taken;
    }
    return taken == kProducers * kItems;
  }));
  CHECK(in_order);
  for (std::thread& producer : producers) producer.join();
  CHECK(stack.is_empty());
}

TEST_CASE_FIXTURE(test::LeakCheck, "an item is either taken by close or refused, never both and never neither") {
  for (int round = 0; round < 50; ++round) {
    auto items = std::make_unique<Item[]>(kProducers * 200);
    Stack stack;
    std::atomic<int> refused{0};
    std::atomic<bool> accepted_after_refusal{false};
    std::atomic<int> begun{0};
    std::vector<std::thread> producers;
    for (int p = 0; p < kProducers; ++p) {
      producers.emplace_back([&, p] {
        begun.fetch_add(1);
        bool was_refused = false;
        for (int i = 0; i < 200; ++i) {
          if (stack.push(items[p * 200 + i])) {
            if (was_refused) accepted_after_refusal = true;
          } else {
            was_refused = true;
            refused.fetch_add(1);
          }
        }
      });
    }
    while (begun.load() == 0) std::this_thread::yield();
    int taken = 0;
    for (Item* item = stack.take_all(); item != nullptr; item = item->next) ++taken;
    for (Item* item = stack.close(); item != nullptr; item = item->next) ++taken;
    for (std::thread& producer : producers) producer.join();
    CHECK(taken + refused == kProducers * 200);
    CHECK_FALSE(accepted_after_refusal);
  }
}
