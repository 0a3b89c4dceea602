// Message queues, counters, System V objects and what goes to the pool: they park, and say what they say on a thread.

#include <aio.h>
#include <mqueue.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <syslog.h>

#include <string>

#include "api/posix_support.hpp"

using namespace posix_test;

namespace {

struct Queue {
  Queue() {
    mq_attr attributes{};
    attributes.mq_maxmsg = 1;
    attributes.mq_msgsize = 8;
    const std::string name = "/runtime-preload-" + std::to_string(::getpid());
    id = ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
    if (id >= 0) ::mq_unlink(name.c_str());
  }
  ~Queue() {
    if (id >= 0) ::mq_close(id);
  }
  mqd_t id;
};

timespec after(std::chrono::milliseconds wait) {
  timespec time;
  ::clock_gettime(CLOCK_REALTIME, &time);
  const long nanoseconds = time.tv_nsec + wait.count() * 1'000'000;
  return {time.tv_sec + nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
}

struct Message {
  long type;
  char text[4];
};

}  // namespace

TEST_CASE_FIXTURE(Limits, "POSIX message queues") {
  const Queue queue;
  if (queue.id < 0) {
    CHECK((errno == ENOSYS || errno == EACCES || errno == EPERM));  // a kernel, or a container, without them
    return;
  }
  char text[8];
  unsigned priority = 0;
  CHECK(parked([&] { return ::mq_receive(queue.id, text, 8, &priority); },
               [&] { CHECK(::mq_send(queue.id, "abc", 3, 2) == 0); }) == done(3));
  CHECK(priority == 2);
  CHECK(::mq_send(queue.id, "1", 1, 0) == 0);
  CHECK(parked([&] { return ::mq_send(queue.id, "2", 1, 0); },
               [&] { CHECK(::mq_receive(queue.id, text, 8, nullptr) == 1); }) == done(0));
  CHECK(aborted([&] { return ::mq_send(queue.id, "3", 1, 0); }) == failed(ECANCELED));
  const timespec soon = after(200ms), wrong{0, -1};
  CHECK(parked([&] { return ::mq_timedsend(queue.id, "3", 1, 0, &soon); }, [] {}) == failed(ETIMEDOUT));
  CHECK(on_fiber([&] { return say([&] { return ::mq_timedsend(queue.id, "3", 1, 0, &wrong); }); }) == failed(EINVAL));
  CHECK(::mq_receive(queue.id, text, 8, nullptr) == 1);
  const timespec later = after(200ms);
  CHECK(parked([&] { return ::mq_timedreceive(queue.id, text, 8, nullptr, &later); }, [] {}) == failed(ETIMEDOUT));
  CHECK(on_fiber([&] { return say([&] { return ::mq_receive(queue.id, text, 1, nullptr); }); }) == failed(EMSGSIZE));
  CHECK(on_fiber([] { return say([] { return ::mq_close(-1); }); }) == failed(EBADF));
}

TEST_CASE_FIXTURE(Limits, "counters") {
  const Fd event(::eventfd(0, EFD_CLOEXEC));
  eventfd_t value = 0;
  CHECK(parked([&] { return ::eventfd_read(event, &value); }, [&] { CHECK(::eventfd_write(event, 5) == 0); }) ==
        done(0));
  CHECK(value == 5);
  CHECK(::eventfd_write(event, ~eventfd_t{1}) == 0);
  CHECK(parked([&] { return ::eventfd_write(event, 1); }, [&] { CHECK(::eventfd_read(event, &value) == 0); }) ==
        done(0));
  CHECK(aborted([&] { return ::eventfd_write(event, ~eventfd_t{1}); }).error == ECANCELED);
}

TEST_CASE_FIXTURE(Limits, "System V messages") {
  const int queue = ::msgget(IPC_PRIVATE, 0600);
  REQUIRE(queue >= 0);
  Message message{1, "abc"}, got{};
  CHECK(parked([&] { return ::msgrcv(queue, &got, sizeof got.text, 0, 0); },
               [&] { CHECK(::msgsnd(queue, &message, sizeof message.text, 0) == 0); }) == done(4));
  CHECK(std::string(got.text) == "abc");
  CHECK(on_fiber([&] { return say([&] { return ::msgrcv(queue, &got, 4, 0, IPC_NOWAIT); }); }) == failed(ENOMSG));
  CHECK(aborted([&] { return ::msgrcv(queue, &got, 4, 0, 0); }) == failed(ECANCELED));
  CHECK(parked([&] { return ::msgrcv(queue, &got, 4, 0, 0); }, [&] { CHECK(::msgctl(queue, IPC_RMID, nullptr) == 0); })
            .result == -1);
}

TEST_CASE_FIXTURE(Limits, "System V semaphores") {
  const int set = ::semget(IPC_PRIVATE, 1, 0600);
  REQUIRE(set >= 0);
  sembuf take{0, -1, 0}, give{0, 1, 0}, try_to{0, -1, IPC_NOWAIT};
  CHECK(parked([&] { return ::semop(set, &take, 1); }, [&] { CHECK(::semop(set, &give, 1) == 0); }) == done(0));
  CHECK(on_fiber([&] { return say([&] { return ::semop(set, &try_to, 1); }); }) == failed(EAGAIN));
  const timespec limit{0, 200'000'000}, wrong{0, -1};
  CHECK(parked([&] { return ::semtimedop(set, &take, 1, &limit); }, [] {}) == failed(EAGAIN));
  CHECK(on_fiber([&] { return say([&] { return ::semtimedop(set, &take, 1, &wrong); }); }) == failed(EINVAL));
  CHECK(parked([&] { return ::semtimedop(set, &take, 1, nullptr); }, [&] { CHECK(::semop(set, &give, 1) == 0); }) ==
        done(0));
  CHECK(aborted([&] { return ::semop(set, &take, 1); }) == failed(ECANCELED));
  CHECK(::semctl(set, 0, IPC_RMID) == 0);
}

TEST_CASE_FIXTURE(Limits, "asynchronous reads, and the log") {
  const Pair p = make_pipe();
  char byte = 0;
  aiocb request{};
  request.aio_fildes = p.a;
  request.aio_buf = &byte;
  request.aio_nbytes = 1;
  REQUIRE(::aio_read(&request) == 0);
  const aiocb* const list[] = {&request};
  CHECK(parked([&] { return ::aio_suspend(list, 1, nullptr); }, [&] { put(p.b); }) == done(0));
  CHECK(::aio_return(&request) == 1);
  on_fiber([] { ::syslog(LOG_DEBUG, "libruntime's test: %d", 1); });
}
