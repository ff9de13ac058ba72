#!/bin/sh
# Rebuilds the program from its source.
#
# The checked-in one was built with assemblyscript 0.28.20 of npm.
set -eu
cd "$(dirname "$0")"

${ASC:-asc} program.ts --runtime stub -Oz --converge -o program.wasm
