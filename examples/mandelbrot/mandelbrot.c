// The Mandelbrot set as text: nested loops with an early exit.
//
//   mandelbrot [columns [rows [limit]]]
//
// Prints the picture (when it is no wider than 200 columns) and the number of iterations made.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int escape_time(double cx, double cy, int limit) {
    double x = 0.0, y = 0.0;
    for (int n = 0; n < limit; n++) {
        double xx = x * x, yy = y * y;
        if (xx + yy > 4.0) {
            return n;
        }
        y = 2.0 * x * y + cy;
        x = xx - yy + cx;
    }
    return limit;
}

static int argument(int argc, char **argv, int index, int otherwise) {
    int value = index < argc ? atoi(argv[index]) : otherwise;
    return value > 0 ? value : otherwise;
}

int main(int argc, char **argv) {
    static const char shades[] = " .,:;+*%#@";
    int columns = argument(argc, argv, 1, 72);
    int rows = argument(argc, argv, 2, 30);
    int limit = argument(argc, argv, 3, 256);

    uint64_t total = 0;
    for (int row = 0; row < rows; row++) {
        double cy = -1.25 + 2.5 * (row + 0.5) / rows;
        for (int column = 0; column < columns; column++) {
            double cx = -2.1 + 2.8 * (column + 0.5) / columns;
            int n = escape_time(cx, cy, limit);
            total += (uint64_t)n;
            if (columns <= 200) {
                putchar(n == limit ? '@' : shades[n % 9]);
            }
        }
        if (columns <= 200) {
            putchar('\n');
        }
    }
    printf("%d x %d points, %" PRIu64 " iterations\n", columns, rows, total);
    return 0;
}
