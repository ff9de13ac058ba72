"""Removes the DWARF sections of a WebAssembly module in place and keeps its function names.

    python3 strip_debug.py MODULE.wasm

The linker's own options remove the names as well; these are what a backtrace shows.
"""

import pathlib
import sys


def leb128(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def strip(data):
    kept = [data[:8]]  # magic and version
    at = 8
    while at < len(data):
        size, content = leb128(data, at + 1)
        end = content + size
        name = b""
        if data[at] == 0:  # a custom section starts with its name
            length, start = leb128(data, content)
            name = data[start : start + length]
        if not name.startswith(b".debug_"):
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


path = pathlib.Path(sys.argv[1])
path.write_bytes(strip(path.read_bytes()))
