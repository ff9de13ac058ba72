#!/bin/sh
# Rebuilds the programs with setjmp and longjmp from their source: one with an Emscripten that Linux distributions
# have, and one as those after 3.1.57 make them, with a new LLVM and as much of Emscripten's libraries as it needs.
#
# The checked-in ones were built with Emscripten 3.1.6 (Debian 12) and ziglang 0.17.1 (clang 22.1.8).
set -eu
cd "$(dirname "$0")"

EMCC=${EMCC:-emcc}
ZIG=${ZIG:-python3 -m ziglang}

$EMCC longjmp.c -Os --no-entry -sSTANDALONE_WASM -sWASM_BIGINT -sALLOW_MEMORY_GROWTH \
    -sMALLOC=emmalloc -sERROR_ON_UNDEFINED_SYMBOLS=0 -o emscripten-3.1.6.wasm
# Without the flag for 64-bit integers they are passed in halves.
$EMCC longjmp.c -Os --no-entry -sSTANDALONE_WASM -sALLOW_MEMORY_GROWTH \
    -sMALLOC=emmalloc -sERROR_ON_UNDEFINED_SYMBOLS=0 -o halves.wasm

objects=$(mktemp -d)
trap 'rm -r "$objects"' EXIT
for source in longjmp.c runtime.c stack.s; do
    $ZIG cc -target wasm32-emscripten -c -Os -DWITHOUT_LIBC -fno-builtin \
        -Xclang -mllvm -Xclang -enable-emscripten-sjlj \
        "$source" -o "$objects/$source.o"
done
exports=
for name in through again zero wide stack ends asks bottom stray jump grow calls \
    setThrew emscripten_stack_get_current _emscripten_stack_restore; do
    exports="$exports --export=$name"
done
$ZIG wasm-ld "$objects"/*.o --no-entry --export-table --import-undefined $exports --strip-all \
    -z stack-size=65536 -o clang-22.wasm
chmod 644 ./*.wasm
