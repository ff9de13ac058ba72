#!/bin/sh
# Rebuilds the examples from their sources.
#
#   sh rebuild.sh             every .wasm, with ZIG (default: python3 -m ziglang)
#   sh rebuild.sh expected    every expected output that cases.txt names for a C program, with CC (default: gcc)
#
# The checked-in .wasm files were built with ziglang 0.17.1.
set -eu
cd "$(dirname "$0")"

ZIG=${ZIG:-python3 -m ziglang}
CC=${CC:-gcc}
# No fused multiply-add, so that floating point gives the same digits everywhere.
C_FLAGS="-std=gnu17 -ffp-contract=off -Wall -Wextra"

wasm() { # SOURCE OUTPUT FLAGS...
    source=$1 output=$2
    shift 2
    echo "$output"
    $ZIG cc -target wasm32-wasi $C_FLAGS "$@" "$source" -o "$output"
    chmod 644 "$output"
}

build_wasm() {
    wasm hello/hello.c hello/hello.wasm -O2 -s
    wasm nbody/nbody.c nbody/nbody.wasm -O3 -s
    wasm mandelbrot/mandelbrot.c mandelbrot/mandelbrot.wasm -O3 -s
    wasm wordcount/wordcount.c wordcount/wordcount.wasm -O2 -s
    wasm sha256/sha256.c sha256/sha256.wasm -O3 -s
    wasm sha256/sha256.c sha256/sha256.simd.wasm -O3 -s -msimd128
    wasm calc/calc.c calc/calc.wasm -O2 -s
    # The function names stay, for the backtrace.
    wasm trap/trap.c trap/trap.wasm -O2
    python3 strip_debug.py trap/trap.wasm
}

# Runs the native build of every C program with the arguments of its cases. Directories need no opening there: the cases
# name their files relative to this directory.
write_expected() {
    native=$(mktemp -d)
    trap 'rm -rf "$native"' EXIT
    while IFS='|' read -r path args stdin dirs expected code; do
        path=$(echo $path) args=$(echo $args) stdin=$(echo $stdin) expected=$(echo $expected)
        case $path in
        *.wasm) ;;
        *) continue ;; # comments, and text modules, which have no native build
        esac
        if [ "$expected" = - ]; then continue; fi
        if [ "$args" = - ]; then args=; fi
        if [ "$stdin" = - ]; then stdin=/dev/null; fi
        source=${path%.wasm}
        source=${source%.simd}.c
        program=$native/$(basename "$source" .c)
        if [ ! -x "$program" ]; then
            $CC -O2 $C_FLAGS "$source" -o "$program" -lm
        fi
        echo "$expected"
        # A trap is the death of the native process: the exit code is not looked at.
        "$program" $args <"$stdin" >"$expected" 2>/dev/null || true
    done <cases.txt
}

case ${1:-wasm} in
wasm) build_wasm ;;
expected) write_expected ;;
*)
    echo "usage: rebuild.sh [wasm|expected]" >&2
    exit 2
    ;;
esac
