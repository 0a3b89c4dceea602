#include "task/cell_pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "base/system_error.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::task {

static_assert(sizeof(Task) % 64 == 0 && alignof(Task) == CellPool::kBodyAlign);
static_assert((CellPool::kLargestBody + Task::kWord) / Task::kWord <= 255, "Task::attributes_at is one byte");

namespace {

// For what only makes things faster: where the kernel cannot do it, nothing is lost.
void advise(std::byte* memory, std::size_t bytes, int advice) noexcept {
  constexpr std::uintptr_t kPage = 4096;
  const base::ErrnoKeeper keeper;
  const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(memory) + kPage - 1) / kPage * kPage;
  const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(memory + bytes) / kPage * kPage;
  static_cast<void>(::madvise(reinterpret_cast<void*>(begin), end - begin, advice));
}

// All of it is about to be written: one system call instead of a page fault for each whole page in it, which would cost
// as much as spawning the thirty tasks that are there. Linux 5.14. See: madvise(2), MADV_POPULATE_WRITE.
void populate(std::byte* memory, std::size_t bytes) noexcept {
  constexpr int kPopulateWrite = 23;
  advise(memory, bytes, kPopulateWrite);
}

}  // namespace

void CellPool::refill(std::uint16_t size_class) {
  static_assert(kInTask == sizeof(Task) - Task::kBodyBegin);
  collect();
  if (free_[size_class] != nullptr) return;
  const std::size_t size = sizeof(Task) + (size_class - std::size_t{1}) * kStep;
  std::byte* piece = chunk_bytes_ >= kHugePage ? take_huge_page() : nullptr;
  const std::size_t bytes = piece != nullptr ? kHugePage : next_piece();
  if (piece != nullptr) {
    populate_large(piece);
  } else {
    piece = add_chunk(bytes, kStep);
    populate(piece, bytes);
    pages_.took_small(bytes);
  }
  // Handed out from the lowest address up, so that tasks spawned one after the other are neighbours.
  for (std::size_t offset = bytes / size * size; offset >= size; offset -= size) {
    free_[size_class] = ::new (piece + offset - size) Block{free_[size_class]};
  }
}

std::size_t CellPool::next_piece() const noexcept {
  constexpr std::size_t kPage = 4096;
  return std::clamp(chunk_bytes_ / 16 / kPage * kPage, kLeastPiece, kLargestPiece);
}

// Null where memory is too short for a chunk of them.
std::byte* CellPool::take_huge_page() noexcept {
  if (huge_left_ == 0) {
    const std::size_t bytes = std::min(chunk_bytes_ / kHugePage * kHugePage, kLargestChunk);
    try {
      huge_ = add_chunk(bytes, kHugePage);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
    huge_left_ = bytes;
  }
  huge_left_ -= kHugePage;
  return std::exchange(huge_, huge_ + kHugePage);
}

// 2 MiB, as one huge page or as small ones. These are offered to the kernel all the same, once they are there: it may put
// them together when it has time.
void CellPool::populate_large(std::byte* page) noexcept {
  if (!pages_.is_huge()) {
    advise(page, kHugePage, MADV_NOHUGEPAGE);
    populate(page, kHugePage);
    advise(page, kHugePage, MADV_HUGEPAGE);
    return pages_.took_small(kHugePage);
  }
  advise(page, kHugePage, MADV_HUGEPAGE);
  const base::Nanos begin = base::monotonic_now();
  populate(page, kHugePage);
  pages_.took_huge(base::monotonic_now() - begin);
}

std::byte* CellPool::add_chunk(std::size_t bytes, std::size_t align) {
  chunks_.reserve(chunks_.size() + 1);
  auto* chunk = static_cast<std::byte*>(::operator new(bytes, std::align_val_t{align}));
  chunks_.push_back({chunk, ChunkDeleter{align}});
  chunk_bytes_ += bytes;
  return chunk;
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
