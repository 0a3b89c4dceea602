// Misuse that a destructor finds: it cannot throw, so it reports and ends the program. See misuse_test.cpp.

#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <thread>

#include <runtime/runtime.hpp>

#include "death/victim.hpp"

using death_test::say;
using runtime::EnterGuard;
using runtime::LocalRuntime;

namespace {

void wait_without_a_way_out() noexcept { runtime::sleep_for(std::chrono::hours(1)); }

const death_test::Mode kModes[] = {
    {"wrong-thread",
     [] {
       std::optional<LocalRuntime> rt(std::in_place);
       std::thread([&] { rt.reset(); }).join();
     }},
    {"inside-root",
     [] {
       auto* rt = new LocalRuntime;
       rt->block_on([rt] { delete rt; });
     }},
    {"inside-task",
     [] {
       auto* rt = new LocalRuntime;
       rt->block_on([rt] { runtime::spawn_local([rt] { delete rt; }).join(); });
     }},
    {"assigned-inside-root",
     [] {
       LocalRuntime rt;
       LocalRuntime other;
       rt.block_on([&] { rt = std::move(other); });
     }},
    {"guards-out-of-order",
     [] {
       LocalRuntime rt;
       auto* first = new EnterGuard(rt.enter());
       auto* second = new EnterGuard(rt.enter());
       delete first;
       delete second;
     }},
    {"guard-on-another-thread",
     [] {
       LocalRuntime rt;
       auto* guard = new EnterGuard(rt.enter());
       std::thread([guard] { delete guard; }).join();
     }},
    {"guard-outlives-block-on",
     [] {
       LocalRuntime rt;
       EnterGuard* guard = nullptr;
       rt.block_on([&] { guard = new EnterGuard(rt.enter()); });
       delete guard;
     }},
    {"pool-on-its-own-thread",
     [] {
       auto* pool = new runtime::LocalPool(1);
       pool->spawn_pinned([pool] { delete pool; }).join();
     }},
    {"terminate-handler",
     [] {
       std::set_terminate([] {
         say("the program's terminate handler\n");
         std::_Exit(9);
       });
       std::optional<LocalRuntime> rt(std::in_place);
       std::thread([&] { rt.reset(); }).join();
     }},
    {"noexcept-frame",
     [] {
       runtime::run([] {
         auto task = runtime::spawn_local([] { wait_without_a_way_out(); });
         runtime::yield_now();
         task.abort();
         task.join();
       });
     }},
    {"in-order",
     [] {
       LocalRuntime rt;
       auto* first = new EnterGuard(rt.enter());
       auto* second = new EnterGuard(rt.enter());
       delete second;
       delete first;
     }},
};

}  // namespace

int main(int argc, char** argv) { return death_test::choose(kModes, argc, argv); }
