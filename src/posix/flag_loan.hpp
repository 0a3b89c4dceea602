#pragma once

namespace runtime::inline v1::posix {

/// O_NONBLOCK for the length of one system call, for calls the kernel cannot be told per call not to wait in.
///
/// The flag belongs to the open file description, which other threads use as well. So a loan holds a lock of the
/// process: two loans never overlap, and is_nonblocking() never takes a loan for the program's own wish. Calls that do
/// not go through this library can meet the flag; hence only where there is no other way, and never across a park.
/// (Between processes that share a description nothing can be locked: see is_nonblocking_after_all().)
/// Thread safety: any thread; made and destroyed by one.
class FlagLoan final {
 public:
  explicit FlagLoan(int fd) noexcept;
  /// Leaves errno alone.
  ~FlagLoan();
  FlagLoan(const FlagLoan&) = delete;
  FlagLoan& operator=(const FlagLoan&) = delete;

  /// The program itself has made the descriptor non-blocking.
  bool was_set() const noexcept { return was_set_; }

 private:
  const int fd_;
  bool was_set_;
  bool lent_;
};

/// While it lives nothing of the process is on loan: for the program's own looking at, and setting of, flags.
class NoLoans final {
 public:
  NoLoans() noexcept;
  /// Leaves errno alone.
  ~NoLoans();
  NoLoans(const NoLoans&) = delete;
  NoLoans& operator=(const NoLoans&) = delete;
};

/// The program has made the descriptor non-blocking.
bool is_nonblocking(int fd) noexcept;

/// The same for a listener, which a server's processes like to share: what another process has lent itself for the
/// length of one accept() is gone when we look again.
bool is_nonblocking_after_all(int fd) noexcept;

}  // namespace runtime::inline v1::posix
