"""Adapter of precast for the test runner of WebAssembly/wasi-testsuite.

    git clone --branch prod/testsuite-base https://github.com/WebAssembly/wasi-testsuite
    cd wasi-testsuite && python3 -m pip install -r test-runner/requirements.txt
    PRECAST=.../target/release/precast ./run-tests --runtime-adapter .../tests/wasi-testsuite/precast.py

PRECAST is the command, with options of `precast run` after it if need be: PRECAST="precast -O 0".
"""

import os
import shlex
import subprocess
from typing import Dict, List, Optional, Tuple

PRECAST = shlex.split(os.getenv("PRECAST", "precast"))


def get_name() -> str:
    return "precast"


def get_version() -> str:
    command = PRECAST[:1] + ["--version"]
    said = subprocess.run(command, encoding="UTF-8", capture_output=True, check=True)
    return said.stdout.split()[1]


def get_wasi_versions() -> List[str]:
    return ["wasm32-wasip1"]


def get_wasi_worlds() -> List[str]:
    return ["wasi:cli/command"]


def compute_argv(
    test_path: str,
    args_env_root: Tuple[List[str], Dict[str, str], Optional[str]],
    proposals: List[str],
    wasi_world: str,
    wasi_version: str,
) -> List[str]:
    del proposals, wasi_world, wasi_version
    args, env, root = args_env_root
    argv = PRECAST[:1] + ["run"] + PRECAST[1:]
    for name, value in env.items():
        argv += ["--env", f"{name}={value}"]
    if root:
        argv += ["--dir", f"{root}::/"]
    return argv + [test_path, "--"] + args
