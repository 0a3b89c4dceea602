#pragma once

/// A small public interface, and one change of it for each macro: what the gate must report, and what it must let pass.

namespace runtime::inline v1 {

namespace task {
class Task {  // private by its namespace, whatever the name of its file
 public:
  int state = 0;
#if defined(GROWN_PRIVATE)
  int more = 0;
#endif
};
}  // namespace task

enum class Kind : unsigned char {
  first = 1,
#if defined(RENUMBERED_ENUM)
  second = 3,
#else
  second = 2,
#endif
#if defined(APPENDED_ENUMERATOR)
  third = 4,
#endif
};

struct Report {
  int count;
#if defined(GROWN_STRUCT)
  int more;
#endif
};

class __attribute__((visibility("default"))) Widget {
 public:
  Widget();
  virtual ~Widget();
#if defined(NEW_VIRTUAL)
  virtual void pushes_the_slots();
#endif
  virtual void show();
#if defined(CHANGED_SIGNATURE)
  Report report(Kind kind) const;
#else
  Report report(Kind kind);
#endif
#if defined(ADDED_FUNCTION)
  void added();
#endif
  task::Task* task();

 private:
  class __attribute__((visibility("hidden"))) Impl;
  Impl* impl_;
#if defined(GROWN_CLASS)
  int more_ = 0;
#endif
};

}  // namespace runtime::inline v1
