// Ends by an exception that nobody receives, as its runtime was told to. See unhandled_test.cpp.

#include <unistd.h>

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>

#include <runtime/runtime.hpp>

#include "death/victim.hpp"

using runtime::LocalRuntime;
using runtime::TaskBuilder;

namespace {

[[noreturn]] void fail() { throw std::runtime_error("the milk is sour"); }

runtime::Builder strict() {
  std::set_terminate([] { ::_exit(9); });
  return runtime::Builder().unhandled_exception(runtime::UnhandledException::terminate);
}

const death_test::Mode kModes[] = {
    {"detached",
     [] {
       strict().build_local().block_on([] {
         static_cast<void>(TaskBuilder().name("dairy").spawn_local(fail));
         runtime::sleep_for(std::chrono::hours(1));
       });
     }},
    {"handle-goes", [] { strict().build_local().block_on([] { TaskBuilder().name("dairy").spawn_local(fail).wait(); }); }},
    {"pool-thread",
     [] {
       strict().build_local().block_on([] {
         static_cast<void>(TaskBuilder().name("dairy").spawn_blocking(fail));
         runtime::sleep_for(std::chrono::hours(1));
       });
     }},
    {"at-shutdown",
     [] {
       std::optional<runtime::JoinHandle<void>> task;
       LocalRuntime rt = strict().build_local();
       rt.block_on([&] {
         task = TaskBuilder().name("dairy").spawn_local(fail);
         task->wait();
       });
       rt.shutdown_background();
       ::_exit(3);  // too late: it should not come here
     }},
    {"in-hook",
     [] {
       LocalRuntime rt = strict().on_task_spawn([](const runtime::TaskMeta&) { fail(); }).build_local();
       rt.block_on([] { runtime::spawn_local([] {}).join(); });
     }},
    {"received",
     [] {
       strict().build_local().block_on([] {
         try {
           runtime::spawn_local(fail).join();
         } catch (const std::runtime_error&) {
         }
       });
     }},
};

}  // namespace

int main(int argc, char** argv) { return death_test::choose(kModes, argc, argv); }
