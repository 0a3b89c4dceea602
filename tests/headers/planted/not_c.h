#pragma once
/* Planted fault: a C header that only C++ understands. */
namespace planted {
int in_a_namespace(void);
}
