#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/compiler.hpp"
#include "task/page_choice.hpp"

namespace runtime::inline v1::task {

class Task;

/// Memory of cells: a task and, from its last word on, its closure and result. Size classes of one cache line's step,
/// each a last-in-first-out list; blocks are cut from chunks that live as long as the pool.
///
/// Thread safety: allocate() and free_local() owner thread; free_remote() any thread.
/// Owns: the chunks.
class CellPool final {
 public:
  /// Bytes of body that still go into the cell; a larger closure is boxed, so that chunks stay useful to everybody.
  static constexpr std::size_t kLargestBody = 1024;
  static constexpr std::size_t kBodyAlign = 64;
  /// The most that a body, a word before it for its alignment, one behind it for attributes and a tail may take.
  static constexpr std::size_t kLargest = kLargestBody + 2 * sizeof(void*) + 96;

  CellPool() = default;
  CellPool(const CellPool&) = delete;
  CellPool& operator=(const CellPool&) = delete;

  /// Room for a task and so many bytes from Task::kBodyBegin on (at most kLargest). Throws: std::bad_alloc.
  void* allocate(std::size_t bytes, std::uint16_t& size_class) {
    size_class = class_of(bytes);
    Block*& head = free_[size_class];
    if (head == nullptr) refill(size_class);
    Block* block = head;
    head = block->next;
    ++live_;
    return block;
  }

  /// The same without a call of the allocator; null when there is no block at hand.
  void* take_warm(std::size_t bytes, std::uint16_t& size_class) noexcept {
    size_class = class_of(bytes);
    Block* block = free_[size_class];
    if (RUNTIME_UNLIKELY(block == nullptr)) return nullptr;
    free_[size_class] = block->next;
    ++live_;
    return block;
  }

  void free_local(void* memory, std::uint16_t size_class) noexcept {
    free_[size_class] = ::new (memory) Block{free_[size_class]};
    --live_;
  }

  /// From another thread: the owner takes it back in collect(). True: the pool is closed and this was the last block.
  bool free_remote(void* memory, std::uint16_t size_class) noexcept;

  /// Takes back what other threads have freed. Owner thread.
  void collect() noexcept;

  /// The owner allocates no more. True: no block is out, so nobody else knows of the pool. Owner thread, once.
  bool close() noexcept;

 private:
  struct Block {
    Block* next;
  };
  struct RemoteBlock {
    RemoteBlock* next;
    std::uint16_t size_class;
  };

  static constexpr std::size_t kStep = 64;
  static constexpr std::size_t kInTask = 8;  // bytes of a body that Task itself has room for
  static constexpr std::uint16_t class_of(std::size_t bytes) noexcept {
    return static_cast<std::uint16_t>((bytes + kStep - 1 - kInTask) / kStep + 1);
  }
  static constexpr std::size_t kClasses = (kLargest + kStep - 1 - kInTask) / kStep + 2;  // class 0 is "not from here"
  // Memory is taken in pieces, small ones first, since a class may need few of its cells, until there is so much that a
  // huge page adds no more than is there already. Huge pages are cut from chunks that grow, so that a million tasks are
  // few mappings.
  static constexpr std::size_t kLeastPiece = 8 * 1024;
  static constexpr std::size_t kLargestPiece = 64 * 1024;
  static constexpr std::size_t kHugePage = PageChoice::kHugePage;
  static constexpr std::size_t kLargestChunk = 64 * 1024 * 1024;

  void refill(std::uint16_t size_class);
  std::size_t next_piece() const noexcept;
  void populate_large(std::byte* page) noexcept;
  std::byte* take_huge_page() noexcept;
  std::byte* add_chunk(std::size_t bytes, std::size_t align);

  struct ChunkDeleter {
    std::size_t align;
    void operator()(std::byte* chunk) const noexcept { ::operator delete(chunk, std::align_val_t{align}); }
  };

  std::array<Block*, kClasses> free_{};
  std::size_t live_ = 0;  // blocks out, not counting those in remote_
  std::vector<std::unique_ptr<std::byte, ChunkDeleter>> chunks_;
  std::size_t chunk_bytes_ = 0;  // of all of them
  std::byte* huge_ = nullptr;    // the first huge page of the newest chunk that was never used
  std::size_t huge_left_ = 0;    // bytes
  PageChoice pages_;             // what its place is taken by

  std::mutex mutex_;
  RemoteBlock* remote_ = nullptr;  // guarded by mutex_
  bool closed_ = false;            // guarded by mutex_
  std::size_t outstanding_ = 0;    // guarded by mutex_; meaningful once closed
};

}  // namespace runtime::inline v1::task
