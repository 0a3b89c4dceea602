#include "base/fifo.hpp"

#include <deque>
#include <vector>

#include <doctest/doctest.h>

using namespace runtime::base;

namespace {

struct Item {
  int number;
  Item* next = nullptr;
};
using Queue = Fifo<Item, &Item::next>;

std::vector<int> drain(Queue& queue) {
  std::vector<int> numbers;
  while (Item* item = queue.pop_front()) numbers.push_back(item->number);
  return numbers;
}

}  // namespace

TEST_CASE("items leave a fifo in the order they came, and an empty one gives null") {
  Item items[] = {{1}, {2}, {3}};
  Queue queue;
  CHECK(queue.is_empty());
  CHECK(queue.pop_front() == nullptr);
  for (Item& item : items) queue.push_back(item);
  CHECK_FALSE(queue.is_empty());
  CHECK(queue.front() == &items[0]);
  CHECK(drain(queue) == std::vector{1, 2, 3});
  CHECK(queue.is_empty());
}

TEST_CASE("a fifo that was drained takes items again, also the same ones") {
  Item a{1}, b{2};
  Queue queue;
  for (int round = 0; round < 3; ++round) {
    queue.push_back(b);
    queue.push_back(a);
    CHECK(drain(queue) == std::vector{2, 1});
  }
}

TEST_CASE("pushing while popping keeps the order") {
  std::deque<Item> items;
  Queue queue;
  int next_out = 0;
  for (int i = 0; i < 1000; ++i) {
    queue.push_back(items.emplace_back(Item{i}));
    if (i % 3 == 2) CHECK(queue.pop_front()->number == next_out++);
  }
  while (Item* item = queue.pop_front()) CHECK(item->number == next_out++);
  CHECK(next_out == 1000);
}

TEST_CASE("append moves the other fifo's items behind, whichever of the two is empty") {
  Item items[] = {{1}, {2}, {3}, {4}};
  Queue here, there;
  here.append(there);
  CHECK(here.is_empty());

  there.push_back(items[0]);
  there.push_back(items[1]);
  here.append(there);
  CHECK(there.is_empty());
  here.append(there);

  there.push_back(items[2]);
  here.append(there);
  here.push_back(items[3]);
  CHECK(drain(here) == std::vector{1, 2, 3, 4});
}
