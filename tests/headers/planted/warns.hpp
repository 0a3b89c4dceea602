#pragma once
// Planted fault: a strict client is stopped by this warning.
inline int planted(int unused) { return 0; }
