// The same call in many fibers at once, and the same call ended in the middle.
#pragma once

#include <vector>

#include <runtime/runtime.hpp>

#include "work.hpp"

namespace clients {

// Runs `count` rounds of every library in `libraries`, each in a task of its own and all at the same time, after
// some of each alone, which tell how long they would take one after the other.
// Prints a line of results; returns whether every answer was right.
bool fan_out(runtime::LocalRuntime& runtime, const Servers& servers, const std::vector<Library>& libraries, int count);

// Aborts a task in the middle of each library's call, for all of them at the same time: the call must end with an
// error, soon, and a new connection must work. Prints a line for each; returns whether all was so.
bool cancel_in_the_middle(runtime::LocalRuntime& runtime, const Servers& servers,
                          const std::vector<Library>& libraries);

// The same with runtime::timeout() around the calls.
bool time_out_in_the_middle(runtime::LocalRuntime& runtime, const Servers& servers,
                            const std::vector<Library>& libraries);

// Starts many rounds of each library and aborts each at another moment, from connecting to closing. Whatever a round
// was doing, it must end soon, and the library must work afterwards. Prints a line for each library.
bool cancel_at_any_moment(runtime::LocalRuntime& runtime, const Servers& servers,
                          const std::vector<Library>& libraries);

}  // namespace clients
