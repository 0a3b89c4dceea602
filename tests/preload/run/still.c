/* Calls nothing; linked dynamically, and statically. */
int main(void) { return 0; }
