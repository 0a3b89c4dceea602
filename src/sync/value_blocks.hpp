#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "sync/message.hpp"

namespace runtime::inline v1::sync {

/// Values that are nothing but bytes, first in, first out, many to a block: a value costs no memory of its own, and the
/// threads at both ends share as few cache lines as there can be.
///
/// The blocks are a chain: from the one that is read, to the one that is written, to those that are empty. A block that
/// has been read goes to the end of the chain.
/// Owns: the blocks. Thread safety: guarded by the lock of the channel, or by one thread.
class ValueBlocks final {
 public:
  struct Block {
    Block* next = nullptr;
    std::uint32_t begin = 0;  // the values from here to `end` are there
    std::uint32_t end = 0;
  };

  /// `most`: values that are in it at once; a small channel needs no large block.
  ValueBlocks(const ValueType& type, std::uint64_t most) noexcept;
  ValueBlocks(const ValueBlocks&) = delete;
  ValueBlocks& operator=(const ValueBlocks&) = delete;
  ~ValueBlocks();

  bool is_empty() const noexcept { return reading_ == nullptr || reading_->begin == reading_->end; }
  /// push() may be called.
  bool has_room() const noexcept {
    return RUNTIME_LIKELY(writing_ != nullptr) && (writing_->end != values_in_block_ || writing_->next != nullptr);
  }

  /// has_room() has said so.
  void push(const void* value) noexcept {
    Block* block = writing_;
    if (RUNTIME_UNLIKELY(block->end == values_in_block_)) writing_ = block = block->next;
    copy_bytes(at(*block, block->end), value, size_);
    ++block->end;
  }

  /// It is not empty. A block that is not needed any more, to be freed without the lock; null most often.
  [[nodiscard]] Block* pop(void* to) noexcept {
    Block* block = reading_;
    copy_bytes(to, at(*block, block->begin), size_);
    if (RUNTIME_LIKELY(++block->begin != block->end)) return nullptr;
    if (block != writing_) return retire(*block);
    block->begin = block->end = 0;  // the same few lines again
    return nullptr;
  }

  /// Without values. Throws: std::bad_alloc. Any thread, without the lock.
  Block* make_block() const;
  void free_block(Block* block) const noexcept {
    if (RUNTIME_UNLIKELY(block != nullptr)) free_now(block);
  }
  /// An empty one, put behind the others.
  void add(Block& block) noexcept;

  /// Both of one channel.
  void swap(ValueBlocks& other) noexcept {
    std::swap(reading_, other.reading_);
    std::swap(writing_, other.writing_);
    std::swap(last_, other.last_);
    std::swap(blocks_, other.blocks_);
  }

 private:
  static constexpr std::size_t kBytesInBlock = 1024;
  static constexpr std::uint32_t kEnoughBlocks = 32;  // who has more of them gives back each that has been read

  std::byte* at(Block& block, std::uint32_t place) const noexcept {
    return reinterpret_cast<std::byte*>(&block) + offset_ + std::size_t{place} * size_;
  }
  Block* retire(Block& block) noexcept;
  void free_now(Block* block) const noexcept;

  // All three null: no block was made yet.
  Block* reading_ = nullptr;
  Block* writing_ = nullptr;
  Block* last_ = nullptr;
  std::uint32_t blocks_ = 0;
  const std::uint32_t values_in_block_;
  const std::uint32_t size_;
  const std::uint32_t align_;
  const std::uint32_t offset_;
};

}  // namespace runtime::inline v1::sync
