#include <layout.hpp>

namespace runtime::inline v1 {

class Widget::Impl {
 public:
  int count = 0;
  task::Task task;
#if defined(GROWN_IMPL)
  int more = 0;
#endif
};

Widget::Widget() : impl_(new Impl) {}
Widget::~Widget() { delete impl_; }
void Widget::show() {}
task::Task* Widget::task() { return &impl_->task; }
#if defined(NEW_VIRTUAL)
void Widget::pushes_the_slots() {}
#endif
#if defined(ADDED_FUNCTION)
void Widget::added() {}
#endif

#if defined(CHANGED_SIGNATURE)
Report Widget::report(Kind kind) const
#else
Report Widget::report(Kind kind)
#endif
{
  Report report{};
  report.count = kind == Kind::first ? impl_->count : 0;
  return report;
}

}  // namespace runtime::inline v1
