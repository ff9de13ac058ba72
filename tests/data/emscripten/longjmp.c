// What setjmp and longjmp do in a program, as a host asks for it. Built by build.sh.

#ifdef WITHOUT_LIBC
#include "runtime.h"
#else
#include <setjmp.h>
#include <stdlib.h>
#endif

#ifdef __EMSCRIPTEN__
#define EXPORT __attribute__((used, visibility("default")))
#define IMPORT(name) __attribute__((import_module("host"), import_name(#name)))
#else
#define EXPORT
#define IMPORT(name)
#endif
#define APART __attribute__((noinline))

IMPORT(call) int host_call(int number);

static jmp_buf outer, inner, other;

// Uses the stack in memory, and so that nobody can tell that it need not.
static APART void take_stack(int bytes) {
  volatile char room[bytes];
  room[bytes - 1] = room[0] = 1;
}

static APART void dive(int depth, int value) {
  take_stack(64);
  if (depth == 0) longjmp(outer, value);
  dive(depth - 1, value);
  take_stack(depth);
}

static APART int second(int depth, int value) {
  if (setjmp(other)) return -2;
  dive(depth, value);
  return -3;
}

static APART int first(int depth, int value) {
  if (setjmp(inner)) return -1;
  return second(depth, value);
}

// Through functions with setjmps of their own, and others without.
EXPORT int through(int depth, int value) {
  int result = setjmp(outer);
  return result ? result : first(depth, value);
}

static APART void back(int value) { longjmp(inner, value); }

// To the same place again and again.
EXPORT int again(int times) {
  volatile int count = 0;
  int result = setjmp(inner);
  count += 1;
  if (result < times) back(result + 1);
  return count * 1000 + result;
}

// What setjmp gives after a longjmp is never zero.
EXPORT int zero(void) {
  int result = setjmp(inner);
  if (result == 0) back(0);
  return result;
}

static APART double halve(double x, long long y, float z) {
  if (x > 100) longjmp(inner, 9);
  return x / 2 + y + z;
}

static double (*volatile pointer)(double, long long, float) = halve;

// Numbers of all types, there and back, by way of a pointer.
EXPORT double wide(double x, long long y, float z) {
  if (setjmp(inner)) return -1;
  return pointer(x, y, z);
}

static APART int leave(int bytes) {
  volatile char room[bytes];
  room[0] = bytes;
  if (bytes > 0) longjmp(inner, 1);
  return room[0];
}

// More stack than there is, but not at once.
EXPORT int stack(int times, int bytes) {
  volatile int left = times;
  if (setjmp(inner)) left -= 1;
  if (left > 0) leave(bytes);
  return left;
}

static APART void trap(void) { __builtin_trap(); }

static APART void end(int how) {
  if (how >= 0) exit(how);
  trap();
}

// Ends where a longjmp would be caught: with exit, or with a trap.
EXPORT int ends(int how) {
  if (setjmp(inner)) return -1;
  end(how);
  return -2;
}

// Whatever the host does where a longjmp would be caught.
EXPORT int asks(int number) {
  int result = setjmp(outer);
  if (result) return -result;
  return host_call(number);
}

static APART int forever(int depth) {
  jmp_buf here;
  if (setjmp(here)) return depth;
  return forever(depth + 1) + 1;
}

// Functions with setjmps until there is no stack.
EXPORT int bottom(void) { return forever(0); }

static APART void forget(void) {
  if (setjmp(other)) abort();
}

// To a function that has returned.
EXPORT void stray(void) {
  forget();
  longjmp(other, 1);
}

// From anywhere in the host to where the program is in `asks`.
EXPORT void jump(int value) { longjmp(outer, value); }

static void *volatile memory;

// Has the memory grow.
EXPORT int grow(int bytes) {
  memory = malloc(bytes);
  return memory != 0;
}

static APART void wrong(int number) { take_stack(number + 1); }

typedef int (*of_other_type)(double);

// Calls by pointers that are none: null, beyond the table, or of another type.
EXPORT int calls(unsigned index) {
  of_other_type target = (of_other_type)(index == 1 ? (void *)wrong : (void *)index);
  if (setjmp(inner)) return -1;
  return target(1.5);
}
