// Traps on purpose, three calls below main, so that a backtrace has something to show.
//
//   trap KIND      unreachable, divide, overflow, convert, memory, indirect or stack
//
// Built with the name section kept. Each function does a little after its call returns, so that no call becomes a jump.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define KEPT __attribute__((noinline))

// Volatile: the compiler cannot see that the operations below must fail.
static volatile int32_t zero = 0, minus_one = -1, lowest = INT32_MIN;
static volatile double huge = 1e300;
static volatile uintptr_t far_away = 0xfffffff0u;
static volatile uint32_t deepest = 0xfffffff0u;
static volatile int32_t sink;

typedef int32_t (*action)(int32_t);

static int32_t not_an_action(double a, double b) { return a < b; }

// A cell that holds a function of another type: calling it through `action` is what call_indirect refuses.
static int32_t (*volatile mistyped)(double, double) = not_an_action;

static int32_t fail_unreachable(int32_t x) {
    if (zero == 0) {
        __builtin_trap();
    }
    return x;
}

static int32_t fail_divide(int32_t x) { return x / zero; }

static int32_t fail_overflow(int32_t x) { return lowest / minus_one + x; }

// A C compiler turns a plain cast into a saturating conversion on some targets; the instruction that traps is named here.
static int32_t fail_convert(int32_t x) {
#ifdef __wasm__
    int32_t result;
    __asm__("local.get %1\n\ti32.trunc_f64_s\n\tlocal.set %0" : "=r"(result) : "r"(huge));
    return result + x;
#else
    return x;
#endif
}

static int32_t fail_memory(int32_t x) { return *(volatile int32_t *)far_away + x; }

static int32_t fail_indirect(int32_t x) { return ((action)(void *)mistyped)(x); }

KEPT static uint32_t recurse(uint32_t depth) {
    return depth == deepest ? depth : (recurse(depth + 1) * 3) ^ depth;
}

static int32_t fail_stack(int32_t x) { return (int32_t)recurse((uint32_t)x); }

static const struct {
    const char *name;
    action run;
} kinds[] = {
    {"unreachable", fail_unreachable}, {"divide", fail_divide},     {"overflow", fail_overflow},
    {"convert", fail_convert},         {"memory", fail_memory},     {"indirect", fail_indirect},
    {"stack", fail_stack},
};

KEPT static int32_t inner(action run, int32_t x) { return run(x) + 1; }

KEPT static int32_t middle(action run, int32_t x) { return inner(run, x + 1) + 2; }

KEPT static int32_t outer(action run, int32_t x) { return middle(run, x * 2) + 3; }

int main(int argc, char **argv) {
    for (size_t i = 0; argc == 2 && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(argv[1], kinds[i].name) == 0) {
            printf("about to trap: %s\n", kinds[i].name);
            fflush(stdout);
            sink = outer(kinds[i].run, 1);
            return 0;
        }
    }
    fputs("usage: trap unreachable|divide|overflow|convert|memory|indirect|stack\n", stderr);
    return 2;
}
