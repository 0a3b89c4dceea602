// The same call in many fibers at once, and the same call ended in the middle.
#pragma once

#include <string>
#include <vector>

#include "work.hpp"

namespace clients {

// Runs `count` rounds of every library in `libraries`, each in a task of its own and all at the same time, after
// one round of each alone, which tells how long the others would take one after the other.
// Prints a line of results; returns whether every answer was right. Call it in a task or in the root of a runtime.
bool fan_out(const Servers& servers, const std::vector<Library>& libraries, int count);

// Aborts a task in the middle of the library's call: the call must end with an error, soon, and a new connection
// must work. Prints a line; returns whether it was so.
bool cancel_in_the_middle(const Servers& servers, const Library& library);

// The same with runtime::timeout() around the call.
bool time_out_in_the_middle(const Servers& servers, const Library& library);

}  // namespace clients
