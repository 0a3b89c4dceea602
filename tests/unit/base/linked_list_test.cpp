#include "base/linked_list.hpp"

#include <vector>

#include <doctest/doctest.h>

using namespace runtime::base;

namespace {

struct Item {
  int number;
  Item* previous = nullptr;
  Item* next = nullptr;
};
using List = LinkedList<Item, &Item::previous, &Item::next>;

std::vector<int> numbers(const List& list) {
  std::vector<int> all;
  for (const Item* item = list.front(); item != nullptr; item = List::next(*item)) all.push_back(item->number);
  return all;
}

}  // namespace

TEST_CASE("a list keeps the order of its items") {
  Item items[] = {{1}, {2}, {3}};
  List list;
  CHECK(list.is_empty());
  CHECK(list.front() == nullptr);
  for (Item& item : items) list.push_back(item);
  CHECK_FALSE(list.is_empty());
  CHECK(numbers(list) == std::vector{1, 2, 3});
}

TEST_CASE("any item leaves a list, wherever it is, and the others stay in order") {
  for (int leaver = 0; leaver < 3; ++leaver) {
    CAPTURE(leaver);
    Item items[] = {{0}, {1}, {2}};
    List list;
    for (Item& item : items) list.push_back(item);
    list.remove(items[leaver]);
    std::vector<int> expected;
    for (int i = 0; i < 3; ++i) {
      if (i != leaver) expected.push_back(i);
    }
    CHECK(numbers(list) == expected);
    CHECK(items[leaver].previous == nullptr);
    CHECK(items[leaver].next == nullptr);

    // The end of the list is right, too: what comes next stands behind.
    list.push_back(items[leaver]);
    expected.push_back(leaver);
    CHECK(numbers(list) == expected);
  }
}

TEST_CASE("a list is empty again after its last item") {
  Item items[] = {{1}, {2}};
  List list;
  for (Item& item : items) list.push_back(item);
  list.remove(items[1]);
  list.remove(items[0]);
  CHECK(list.is_empty());
  list.push_back(items[1]);
  CHECK(numbers(list) == std::vector{2});
}
