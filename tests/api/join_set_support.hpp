#pragma once

#include "support.hpp"

namespace api_test {

/// What is left in a set, joined: the sum of the values, and how many had none.
struct JoinedRest {
  int values = 0, errors = 0;

  explicit JoinedRest(runtime::JoinSet<int>& set) {
    while (!set.empty()) {
      try {
        values += *set.join_next();
      } catch (const JoinError&) {
        ++errors;
      }
    }
  }
};

}  // namespace api_test
