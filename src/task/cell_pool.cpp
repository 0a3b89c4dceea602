#include "task/cell_pool.hpp"

#include <new>

#include "base/assert.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::task {

static_assert(sizeof(Task) % 64 == 0 && alignof(Task) == CellPool::kBodyAlign);

void CellPool::refill(std::uint16_t size_class) {
  collect();
  if (free_[size_class] != nullptr) return;
  const std::size_t size = sizeof(Task) + (size_class - std::size_t{1}) * kStep;
  chunks_.reserve(chunks_.size() + 1);
  auto* chunk = static_cast<std::byte*>(::operator new(kChunk, std::align_val_t{kStep}));
  chunks_.emplace_back(chunk);
  // Handed out from the lowest address up, so that tasks spawned one after the other are neighbours.
  for (std::size_t offset = kChunk / size * size; offset >= size; offset -= size) {
    free_[size_class] = ::new (chunk + offset - size) Block{free_[size_class]};
  }
}

bool CellPool::free_remote(void* memory, std::uint16_t size_class) noexcept {
  const std::lock_guard lock(mutex_);
  if (closed_) {
    RUNTIME_CHECK(outstanding_ > 0);
    return --outstanding_ == 0;
  }
  remote_ = ::new (memory) RemoteBlock{remote_, size_class};
  return false;
}

void CellPool::collect() noexcept {
  RemoteBlock* block;
  {
    const std::lock_guard lock(mutex_);
    block = remote_;
    remote_ = nullptr;
  }
  while (block != nullptr) {
    RemoteBlock* next = block->next;
    free_local(block, block->size_class);
    block = next;
  }
}

bool CellPool::close() noexcept {
  collect();
  const std::lock_guard lock(mutex_);
  for (RemoteBlock* block = remote_; block != nullptr; block = block->next) --live_;
  remote_ = nullptr;
  closed_ = true;
  outstanding_ = live_;
  return outstanding_ == 0;
}

}  // namespace runtime::inline v1::task
