// embed_glib: a runtime inside GLib's main loop, as in a GTK program.

#include <glib-unix.h>
#include <glib.h>

#include <exception>
#include <iostream>

#include "embed_work.hpp"

namespace {

struct Program {
  GMainLoop* loop;
  examples::EmbedWork& work;
  int own_ticks = 0;
};

// GLib is C: what is thrown here must not leave. run_ready() throws only when it is misused; tasks keep what they throw.
gboolean on_work(gint, GIOCondition, gpointer data) noexcept {
  auto& program = *static_cast<Program*>(data);
  program.work.run_ready();
  if (program.work.is_done()) g_main_loop_quit(program.loop);
  return G_SOURCE_CONTINUE;
}

gboolean on_tick(gpointer data) noexcept {
  ++static_cast<Program*>(data)->own_ticks;
  return G_SOURCE_CONTINUE;
}

}  // namespace

int main() try {
  runtime::LocalRuntime rt;
  examples::EmbedWork work(rt);
  Program program{g_main_loop_new(nullptr, FALSE), work};

  const guint source = g_unix_fd_add(rt.poll_fd(), G_IO_IN, &on_work, &program);
  const guint timer = g_timeout_add(20, &on_tick, &program);
  g_main_loop_run(program.loop);
  g_source_remove(timer);
  g_source_remove(source);  // before the runtime goes, which takes the descriptor with it
  g_main_loop_unref(program.loop);

  work.report("GLib", program.own_ticks);
} catch (const std::exception& error) {
  std::cerr << "embed_glib: " << error.what() << "\n";
  return 1;
}
