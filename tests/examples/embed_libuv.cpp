// embed_libuv: a runtime inside a libuv loop, as in a Node.js addon.

#include <uv.h>

#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

#include "embed_work.hpp"

namespace {

struct Program {
  examples::EmbedWork& work;
  uv_poll_t source;
  uv_timer_t timer;
  int own_ticks = 0;
};

void check(int result, const char* call) {
  if (result < 0) throw std::runtime_error(std::string(call) + ": " + uv_strerror(result));
}

// libuv is C: what is thrown here must not leave. run_ready() throws only when it is misused; tasks keep what they throw.
void on_work(uv_poll_t* source, int, int) noexcept {
  auto& program = *static_cast<Program*>(source->data);
  program.work.run_ready();
  if (!program.work.is_done()) return;
  // The loop ends when nothing is open any more.
  uv_close(reinterpret_cast<uv_handle_t*>(&program.source), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&program.timer), nullptr);
}

void on_tick(uv_timer_t* timer) noexcept { ++static_cast<Program*>(timer->data)->own_ticks; }

}  // namespace

int main() try {
  runtime::LocalRuntime rt;
  examples::EmbedWork work(rt);
  Program program{work, {}, {}};
  program.source.data = program.timer.data = &program;

  uv_loop_t loop;
  check(uv_loop_init(&loop), "uv_loop_init");
  check(uv_poll_init(&loop, &program.source, rt.poll_fd()), "uv_poll_init");
  check(uv_poll_start(&program.source, UV_READABLE, &on_work), "uv_poll_start");
  check(uv_timer_init(&loop, &program.timer), "uv_timer_init");
  check(uv_timer_start(&program.timer, &on_tick, 20, 20), "uv_timer_start");
  uv_run(&loop, UV_RUN_DEFAULT);
  check(uv_loop_close(&loop), "uv_loop_close");

  work.report("libuv", program.own_ticks);
} catch (const std::exception& error) {
  std::cerr << "embed_libuv: " << error.what() << "\n";
  return 1;
}
