// What longjmp.c uses of libc.

#include <stddef.h>

typedef struct {
  void *room[16];
} jmp_buf[1];

int setjmp(jmp_buf place) __attribute__((returns_twice));
_Noreturn void longjmp(jmp_buf place, int value);

_Noreturn void exit(int code);
_Noreturn void abort(void);
void *malloc(size_t bytes);
