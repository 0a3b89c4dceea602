#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/unique_fd.hpp"
#include "driver/fd_watch.hpp"
#include "metrics/counter.hpp"

namespace runtime::inline v1::driver {

/// Which descriptors are watched, and by whom; what the kernel says of them ends in wakes.
///
/// An epoll set of our own, of which libev watches the one descriptor. libev's own set cannot serve: a program may close
/// a descriptor at any moment, from any thread, and libev with its assertions, as Debian builds it, ends the program when
/// epoll_ctl() says EBADF. It also keeps epoll's memory of a number across a close, and hides its descriptor.
///
/// A registration is EPOLLONESHOT: one that nobody waits for any more costs at most one needless look, so leaving needs
/// no system call. Each watch makes one epoll_ctl(), which is also how a number that has become another description is
/// found out. See: epoll(7), epoll_ctl(2).
///
/// A descriptor that has an owner cannot become another one while anybody waits for it: its registration is EPOLLET and
/// stays, so that waiting again costs no system call. The owner is a number that never comes again. What was reported is
/// remembered until a call has found nothing there any more. Such a descriptor may also be used in another runtime from
/// now on: after some reports that nobody here made use of, its registration goes to sleep until somebody waits.
/// Thread safety: owner thread. Owns: the set. Borrows: the watches.
class EpollSet final {
 public:
  /// Throws: std::system_error.
  EpollSet();
  EpollSet(const EpollSet&) = delete;
  EpollSet& operator=(const EpollSet&) = delete;

  /// Readable while there is something to collect.
  int fd() const noexcept { return epoll_.get(); }
  void close() noexcept { epoll_ = base::UniqueFd(); }

  /// A descriptor of the driver's own, reported once each time it becomes readable again, however little is read from it.
  /// Throws: std::system_error.
  void add_signal(int fd, std::uint32_t number);

  struct News {
    std::uint64_t signals = 0;  // a bit for each that has come
    bool has_come = false;      // else that time is over
  };
  /// Takes what the kernel has, or will have within so many milliseconds: wakes the tasks concerned.
  News collect(int milliseconds = 0) noexcept;

  /// `last_close` counts the close notices of the process. False when the kernel or we have no memory for it, or when it
  /// is a descriptor that this set cannot hold: nothing has happened then.
  bool watch(FdWatch& watch, const std::atomic<std::uint64_t>& last_close) noexcept;
  void unwatch(FdWatch& watch) noexcept;

  /// Of a descriptor with an owner: a call has taken all there was to read, and what comes after it will be reported.
  /// Nothing may have been collected since that call.
  void read_to_the_end(int fd, std::uint64_t owner) noexcept {
    Number* number = number_of(fd, owner);
    if (number == nullptr) return;
    number->unused = 0;
    if (!number->has_more) number->ready &= static_cast<std::uint8_t>(~unsigned{kReadable});
  }
  /// True: nothing was reported since then, so a read that is tried would find nothing.
  bool is_read_to_the_end(int fd, std::uint64_t owner) noexcept {
    const Number* number = number_of(fd, owner);
    return number != nullptr && (number->edges & kReadable) != 0 && (number->ready & kReadable) == 0;
  }
  /// How many are watched. Any thread; elsewhere it is exact only where there are no owners.
  std::uint32_t watched() const noexcept { return watched_.load(std::memory_order_seq_cst); }
  /// With neither these nor those no close concerns us. Any thread.
  bool has_owners() const noexcept { return has_owners_.load(std::memory_order_seq_cst); }

  /// The descriptor was closed, or else something was done to it: the watches that began before the notice of this number
  /// are told, or made to try again.
  void tell_watches(int fd, std::uint64_t number, bool is_closed) noexcept;
  /// Some descriptor was, and which one is forgotten: they all look for themselves.
  void wake_all_before(std::uint64_t number) noexcept;

  metrics::Counter registered;  // descriptions that the kernel was told of, ever
  metrics::Counter reported;    // times it has reported one as ready

 private:
  struct Number {
    FdWatch* first = nullptr;
    std::uint32_t registration = 0;  // counts the descriptions that were registered under this number
    bool is_known = false;           // epoll had it once, and has it unless it was closed
    std::uint8_t edges = 0;          // with an owner: what epoll reports
    std::uint8_t ready = 0;          // with an owner: what it has reported, and no call has used up
    std::uint8_t unused = 0;         // with an owner: reports while nobody waited, one after the other
    bool has_more = false;           // with an owner: an end, an error or urgent data may be behind what is read
    std::uint64_t owner = 0;         // 0: the registration is EPOLLONESHOT
  };

  void count_one_more() noexcept;
  static std::uint8_t wanted(const Number& number) noexcept;
  int control(int operation, int fd, std::uint8_t interest, bool is_edge = false) noexcept;
  Number* number_of(int fd, std::uint64_t owner) noexcept {
    if (static_cast<std::size_t>(fd) >= numbers_.size()) return nullptr;
    Number& number = numbers_[static_cast<std::size_t>(fd)];
    return number.owner == owner ? &number : nullptr;
  }
  void set_owner(Number& number, std::uint64_t owner, std::uint8_t edges) noexcept;
  bool enlist(FdWatch& watch) noexcept;
  int arm(Number& number, FdWatch& watch) noexcept;
  void forget_former_owner(Number& number) noexcept;
  const FdWatch* first_watch(std::uint64_t tag) const noexcept;
  void report(Number& number, int fd, std::uint32_t events) noexcept;
  static void link(Number& number, FdWatch& watch) noexcept;

  base::UniqueFd epoll_;
  std::atomic<std::uint32_t> watched_{0};
  std::atomic<bool> has_owners_{false};  // ever had
  std::vector<Number> numbers_;  // by descriptor
};

}  // namespace runtime::inline v1::driver
