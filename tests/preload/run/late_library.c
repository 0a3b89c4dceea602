/* Linked with the preload library, which the program is not. */
int from_library(void) { return 42; }
