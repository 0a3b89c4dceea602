#include "sync/value_blocks.hpp"

#include <algorithm>
#include <new>

namespace runtime::inline v1::sync {
namespace {

std::uint32_t values_in_block(std::size_t bytes, const ValueType& type, std::uint64_t most) noexcept {
  const std::uint64_t fit = bytes / type.size;  // values that are bytes have at most 64 of them
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(most, 1, std::max<std::uint64_t>(fit, 1)));
}

}  // namespace

// The size of a type that is not nothing but bytes does not matter: no block is ever made.
ValueBlocks::ValueBlocks(const ValueType& type, std::uint64_t most) noexcept
    : values_in_block_(values_in_block(kBytesInBlock, type, most)),
      size_(static_cast<std::uint32_t>(type.size)),
      align_(std::max<std::uint32_t>(type.align, alignof(Block))),
      offset_(static_cast<std::uint32_t>((sizeof(Block) + align_ - 1) & ~std::size_t{align_ - 1})) {}

ValueBlocks::~ValueBlocks() {
  while (reading_ != nullptr) free_block(std::exchange(reading_, reading_->next));
}

ValueBlocks::Block* ValueBlocks::make_block() const {
  return ::new (::operator new(offset_ + std::size_t{values_in_block_} * size_, std::align_val_t{align_})) Block();
}

void ValueBlocks::free_now(Block* block) const noexcept { ::operator delete(block, std::align_val_t{align_}); }

void ValueBlocks::add(Block& block) noexcept {
  ++blocks_;
  block.next = nullptr;
  (last_ != nullptr ? last_->next : reading_) = &block;
  if (writing_ == nullptr) writing_ = &block;
  last_ = &block;
}

// All of it has been read, and the writer is in a later one.
ValueBlocks::Block* ValueBlocks::retire(Block& block) noexcept {
  reading_ = block.next;
  block.begin = block.end = 0;
  --blocks_;
  if (blocks_ >= kEnoughBlocks) return &block;
  add(block);
  return nullptr;
}

}  // namespace runtime::inline v1::sync
