/* A library of three names, to be compared with lists that promise others. */
long read(int fd, void *buffer, unsigned long size);
int close(int fd);
int runtime_planted(void);

long read(int fd, void *buffer, unsigned long size) { return fd < 0 || !buffer ? -1 : (long)size; }
int close(int fd) { return fd < 0; }
int runtime_planted(void) { return 0; }
