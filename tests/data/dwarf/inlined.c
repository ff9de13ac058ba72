// Functions that the compiler puts into one another: `checked` into `step`, `step` into `walk`.
// The tests know the lines that say what stops there.

int divide(int a, int b);

static volatile int table[4] = {3, 1, 0, 2};

static inline __attribute__((always_inline)) int checked(int index) {
    if (index > 3)
        return 0;
    return 12 / table[index]; // stops "walk"
}

static inline __attribute__((always_inline)) int step(int index, int by) {
    int next = checked(index + by);
    return next + by;
}

__attribute__((noinline)) static int go(int index, int steps) {
    while (steps > 0) {
        index = step(index, steps);
        steps = steps - 1;
    }
    return index;
}

__attribute__((export_name("walk"))) int walk(int index) {
    return go(index, 2) + 1;
}

__attribute__((export_name("ratio"))) int ratio(int a) {
    return divide(a, table[2]) + 1;
}
