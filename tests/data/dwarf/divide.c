// A unit of its own.

int divide(int a, int b) {
    return a / b; // stops "ratio"
}
