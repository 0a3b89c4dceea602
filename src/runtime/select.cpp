#include <runtime/select.hpp>

#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include <runtime/detail/raw_task.hpp>
#include <runtime/error.hpp>

#include "runtime/current_fiber.hpp"
#include "runtime/inner.hpp"
#include "task/branch.hpp"
#include "task/join.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"

namespace runtime::inline v1::detail {
namespace {

using task::Task;

// A branch is a task whose closure only points at the caller's frame, and which no list or count of the runtime knows.
void run_branch(void* body) {
  auto& branch = *static_cast<task::Branch*>(body);
  fiber::Fiber& fiber = *task::current()->fiber;
  fiber.bindings = branch.owner->fiber->bindings;
  struct Reset {
    fiber::Fiber& fiber;
    ~Reset() { fiber.bindings = nullptr; }
  } reset{fiber};
  branch.run(branch.body);
}
constexpr CellTable kBranchTable = {
    sizeof(CellTable), alignof(task::Branch), sizeof(task::Branch), sizeof(task::Branch), &run_branch, nullptr, nullptr};

class Race;

/// One branch, for the race: told when it has ended.
class Runner final : public task::JoinWaiter {
 public:
  void notify() noexcept override;

  Race* race = nullptr;
  Task* task = nullptr;
  std::size_t next_to_start = 0;  // the order of starting, as indices: one for each place of the array
  bool has_ended = false;
};

class Race final : public task::Branches {
 public:
  Race(Task& owner, std::size_t n) : n_(n), owner_(owner), runners_(std::make_unique<Runner[]>(n)) {}
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;
  /// Every branch has ended, or none was launched.
  ~Race() {
    for (std::size_t i = 0; i < n_; ++i) {
      if (Task* task = runners_[i].task) is_launched_ ? task::detach(*task) : scheduler().discard(*task);
    }
  }

  void prepare(const BranchCall* calls) {
    for (std::size_t i = 0; i < n_; ++i) {
      scheduler::CurrentThread::Draft draft{&kBranchTable, task::Kind::branch, true, copy_attributes(), 0,
                                            owner_.spawn_file, owner_.spawn_line};
      Runner& runner = runners_[i];
      try {
        runner.task = &scheduler().draft(draft);
      } catch (...) {
        ::operator delete(draft.attributes);
        throw;
      }
      runner.race = this;
      runner.task->id = owner_.id;
      runner.task->joiner.store(&runner, std::memory_order_relaxed);
      ::new (runner.task->body()) task::Branch{&owner_, calls[i].run, calls[i].body};
    }
  }

  void launch() noexcept {
    is_launched_ = true;
    // Fisher and Yates: each order is as likely as any other.
    for (std::size_t i = 0; i < n_; ++i) runners_[i].next_to_start = i;
    for (std::size_t i = n_; i > 1; --i) {
      std::swap(runners_[i - 1].next_to_start,
                runners_[scheduler().random_below(static_cast<std::uint32_t>(i))].next_to_start);
    }
    for (std::size_t i = 0; i < n_; ++i) scheduler().start_branch(*runners_[runners_[i].next_to_start].task);
  }

  std::size_t count() const noexcept override { return n_; }
  const Task* at(std::size_t index) const noexcept override {
    return runners_[index].has_ended ? nullptr : runners_[index].task;
  }

  void ended(Runner& runner) noexcept {
    runner.has_ended = true;
    ++ended_;
    if (winner_ == n_ && !is_cancelled_) {
      winner_ = static_cast<std::size_t>(&runner - runners_.get());
      cancel();
    }
    task::wake(owner_);
  }

  void cancel() noexcept {
    is_cancelled_ = true;
    for (std::size_t i = 0; i < n_; ++i) {
      if (!runners_[i].has_ended) runners_[i].task->abort();
    }
  }

  bool is_decided() const noexcept { return winner_ != n_; }
  bool is_over() const noexcept { return ended_ == n_; }
  std::size_t winner() const noexcept { return winner_; }

  std::exception_ptr take_exception() noexcept {
    Task& task = *runners_[winner_].task;
    scheduler().failures().receive(task);
    if (!task.exception && !task.has_result) return std::make_exception_ptr(Cancelled());  // thrown by hand
    return task.exception;
  }

 private:
  scheduler::CurrentThread& scheduler() const noexcept { return *static_cast<scheduler::CurrentThread*>(owner_.schedule); }

  task::Attributes* copy_attributes() const {
    const task::Attributes* const attributes = owner_.attributes();
    if (attributes == nullptr) return nullptr;
    const std::size_t size = sizeof(task::Attributes) + attributes->name_size;
    void* memory = ::operator new(size);
    std::memcpy(memory, attributes, size);
    return static_cast<task::Attributes*>(memory);
  }

  const std::size_t n_;
  std::size_t winner_ = n_;
  std::size_t ended_ = 0;
  bool is_launched_ = false;
  bool is_cancelled_ = false;
  Task& owner_;
  std::unique_ptr<Runner[]> runners_;
};

void Runner::notify() noexcept { race->ended(*this); }

}  // namespace

std::size_t race(const BranchCall* calls, std::size_t n, std::exception_ptr& thrown) {
  Task& owner = fiber_of_caller("select()");
  task::throw_if_cancelled(owner);
  Race race(owner, n);
  race.prepare(calls);
  race.launch();
  task::Waiting waiting(owner, task::WaitFor::children);
  waiting.detail.branches = &race;
  const auto end = task::park_until(owner, [&race] { return race.is_decided(); });
  if (end == task::ParkEnd::cancelled) race.cancel();
  task::park_until_certain(owner, [&race] { return race.is_over(); });
  if (end == task::ParkEnd::cancelled) throw Cancelled();
  thrown = race.take_exception();
  return race.winner();
}

void throw_not_selected(std::size_t asked, std::size_t winner) {
  throw Error(Errc::invalid_argument, "Selected::get<" + std::to_string(asked) + ">() where branch " +
                                          std::to_string(winner) + " was the first: ask index() before");
}

}  // namespace runtime::inline v1::detail
