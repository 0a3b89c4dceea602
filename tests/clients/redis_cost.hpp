#pragma once

#include <runtime/runtime.hpp>

#include "work.hpp"

namespace clients {

// Makes `requests` requests with hiredis over 100 connections, on threads and in fibers, three times, and prints the
// processor time of the cheapest of each. Returns whether all answers were right.
bool compare_cost(runtime::LocalRuntime& runtime, const Servers& servers, int requests);

}  // namespace clients
