/* In the place of libruntime_preload.so, for tests of who loads it, and in which order. */
int runtime_preloaded(void);

int runtime_preloaded(void) { return 1; }
