#include "runtime/local_worker.hpp"

#include <pthread.h>

#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include <runtime/local_runtime.hpp>

#include "base/signal_text.hpp"
#include "base/system_error.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"

namespace runtime::inline v1::detail {
namespace {

// A worker cannot hand an exception to anybody once it is at work.
void report(const char* what) noexcept {
  base::SignalText text;
  text << "runtime: a worker of a LocalPool has ended: " << what << "\n";
  text.write();
}

}  // namespace

void LocalWorker::start(const Builder& builder) {
  std::promise<Handle> ready;
  auto becomes_ready = ready.get_future();
  try {
    thread_ = std::thread(&LocalWorker::run, this, builder, std::move(ready));
  } catch (const std::system_error& error) {
    base::throw_errno(error.code().value(), "LocalPool: pthread_create");
  }
  becomes_ready_ = std::move(becomes_ready);
}

void LocalWorker::wait_until_ready() { handle_.emplace(becomes_ready_.get()); }

void LocalWorker::ask_to_stop() noexcept {
  if (!thread_.joinable()) return;
  stopped_.store(true, std::memory_order_release);  // pairs with run()
  try {
    if (becomes_ready_.valid()) wait_until_ready();
  } catch (...) {
    // Building it failed, as did another worker's, which is what the pool throws.
  }
  if (handle_) task::wake(*root_);
}

void LocalWorker::join() noexcept {
  if (thread_.joinable()) thread_.join();
}

void LocalWorker::run(Builder builder, std::promise<Handle> ready) noexcept {
  bool is_ready = false;
  try {
    LocalRuntime runtime = builder.build_local();
    const std::string name(runtime.handle().name());
    // The kernel keeps 15 bytes and refuses longer names: pthread_setname_np(3).
    ::pthread_setname_np(::pthread_self(), name.empty() ? "runtime-local" : name.substr(0, 15).c_str());
    runtime.block_on([&] {
      root_ = task::parkable();
      ready.set_value(runtime.handle());
      is_ready = true;
      const task::Waiting waiting(*root_, task::WaitFor::notify);
      task::park_until_certain(*root_, [this] { return stopped_.load(std::memory_order_acquire); });
    });
  } catch (const std::exception& error) {
    is_ready ? report(error.what()) : ready.set_exception(std::current_exception());
  }
}

}  // namespace runtime::inline v1::detail
