// A million tasks in a tree: each makes ten and joins them, the leaves return their numbers.
//
// The floor walks the same tree with bare contexts, depth first: every node is made, entered and left by a raw jump, on
// the one stack of its level. So it has no queue, no memory for tasks that wait, and never more than seven of them:
// nothing that makes tasks run in turn can come near it, it only tells how much of the figure is the switch.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <boost/context/detail/fcontext.hpp>

#include <runtime/runtime.hpp>

#include "bench_runtime.hpp"
#include "options.hpp"
#include "raw_switch.hpp"
#include "skynet.hpp"

namespace {

std::uint64_t tree(std::uint64_t first, std::uint64_t leaves) {
  if (leaves == 1) return first;
  const std::uint64_t share = leaves / bench::kSkynetChildren;
  const auto child = [first, share](std::uint64_t i) {
    return runtime::spawn_local([first, share, i] { return tree(first + i * share, share); });
  };
  std::array<runtime::JoinHandle<std::uint64_t>, bench::kSkynetChildren> children{
      child(0), child(1), child(2), child(3), child(4), child(5), child(6), child(7), child(8), child(9)};
  std::uint64_t sum = 0;
  for (auto& handle : children) sum += handle.join();
  return sum;
}

/// The bare contexts. Owns: a stack for each level. Thread safety: one thread.
class BareTree {
 public:
  std::uint64_t sum(std::uint64_t first, std::uint64_t leaves) { return node({this, first, leaves, 0, 0}); }

 private:
  struct Node {
    BareTree* tree;
    std::uint64_t first, leaves;
    std::size_t level;
    std::uint64_t sum;
  };
  static constexpr std::size_t kStackBytes = 16 * 1024;
  static constexpr std::size_t kLevels = 20;  // a 64-bit number has no more digits

  static void enter(boost::context::detail::transfer_t from) {
    Node& self = *static_cast<Node*>(from.data);
    self.sum = self.leaves == 1 ? self.first : children_of(self);
    boost::context::detail::jump_fcontext(from.fctx, nullptr);
  }

  static std::uint64_t children_of(const Node& self) {
    const std::uint64_t share = self.leaves / bench::kSkynetChildren;
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < bench::kSkynetChildren; ++i) {
      sum += node({self.tree, self.first + i * share, share, self.level + 1, 0});
    }
    return sum;
  }

  static std::uint64_t node(Node self) {
    std::unique_ptr<std::byte[]>& stack = self.tree->stacks_[self.level];
    if (!stack) stack.reset(new std::byte[kStackBytes]);
    boost::context::detail::jump_fcontext(
        boost::context::detail::make_fcontext(stack.get() + kStackBytes, kStackBytes, &enter), &self);
    return self.sum;
  }

  std::array<std::unique_ptr<std::byte[]>, kLevels> stacks_;
};

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv, {{"leaves", "1000000"}, {"stacks", "small"}});
  const std::uint64_t leaves = bench::skynet_leaves(options);
  BareTree bare;
  const double floor = bench::warm_skynet_milliseconds(leaves, [&] { return bare.sum(0, leaves); });
  runtime::LocalRuntime rt = bench::make_runtime(options);
  const double ours = bench::warm_skynet_milliseconds(
      leaves, [&] { return rt.block_on([leaves] { return runtime::spawn_local([leaves] { return tree(0, leaves); }).join(); }); });
  bench::against_floor(ours, floor, "ms");
  bench::peak_figure();
  bench::raw_jump_figure();
  return 0;
}
