#!/bin/sh
# Rebuilds the modules with DWARF from their sources, and what `llvm-symbolizer` says about them.
#
# The checked-in ones were built with ziglang 0.17.1 (clang 22.1.8) and rustc 1.95.0 with the target
# wasm32-unknown-unknown, and read by llvm-symbolizer 14.0.6.
set -eu
cd "$(dirname "$0")"

ZIG=${ZIG:-python3 -m ziglang}
RUSTC=${RUSTC:-rustc}
SYMBOLIZER=${SYMBOLIZER:-llvm-symbolizer}
# Longer than the code of any of the modules.
ADDRESSES=400

# For each address in the code section the functions with file, line and column, innermost first,
# in one line; addresses that say the same as the one before are left out.
symbols() { # MODULE
    seq 0 $ADDRESSES |
        "$SYMBOLIZER" --obj="$1" --inlines --functions=linkage --no-demangle --addresses |
        awk -v RS= -F'\n' '{
            line = ""
            for (i = 2; i < NF; i += 2) line = line " " $i " " $(i + 1)
            if (line != last) print $1 line
            last = line
        }'
}

for version in 4 5; do
    $ZIG cc -target wasm32-freestanding -nostdlib -Wl,--no-entry -O1 -gdwarf-$version \
        -fdebug-compilation-dir=/src inlined.c divide.c -o c.dwarf$version.wasm
    $RUSTC --edition 2024 --target wasm32-unknown-unknown -O -g -C dwarf-version=$version \
        -C panic=abort --remap-path-prefix="$PWD=/src" rust.rs -o rust.dwarf$version.wasm
done
for module in *.wasm; do
    chmod 644 "$module"
    symbols "$module" >"${module%.wasm}.symbols"
done
