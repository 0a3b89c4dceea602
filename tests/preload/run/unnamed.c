/* A library that looks like one of io_uring, and like one that Go's linker made. */
#include <unistd.h>

int io_uring_wait_cqe(void) __attribute__((weak));
int wait_unnamed(void);

__attribute__((used, section(".note.go.buildid"))) static const char build_id[] = "none";

int wait_unnamed(void) { return io_uring_wait_cqe ? io_uring_wait_cqe() : close(build_id[0]); }
