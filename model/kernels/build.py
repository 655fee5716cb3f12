"""Compile the kernels: `python -m model.kernels.build`.

This needs a C++ compiler and takes some twenty seconds, once for each version of the sources.
Without a compiler, or on a processor without AVX-512 VNNI, PyTorch's kernels are used.
"""

import argparse
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

SOURCES = Path(__file__).parent / "src"
FILE_NAME = "kernels.so"

# Instructions beyond AVX-512 VNNI are compiled, but run only on processors that have them.
FLAGS = (
    "-std=c++17",
    "-O3",  # unrolls, so that sums stay in registers
    "-fPIC",
    "-shared",
    "-fopenmp",  # the same OpenMP as PyTorch's, and so the same threads
    *(
        f"-m{name}"
        for name in (
            *("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni", "avx512bf16"),
            *("amx-tile", "amx-int8", "amx-bf16", "fma"),
        )
    ),
)


class BuildError(RuntimeError):
    """The kernels cannot be compiled; the message says why."""


def cached_file() -> Path:
    """Return the path that this version of the sources is compiled to.

    Raises:
        BuildError: The user has no home folder.
    """
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for path in sorted((*SOURCES.glob("*.h"), *SOURCES.glob("*.cpp"))):
        digest.update(path.read_bytes())
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:  # a user without a name, as containers have them
        raise BuildError(f"no folder to compile into: {error}") from error
    return cache / "dragoman" / f"kernels-{digest.hexdigest()[:16]}.so"


def build(target: Path) -> None:
    """Compile the sources into a file, which appears only when complete.

    Raises:
        BuildError: There is no compiler, it failed, or the folder cannot be written.
    """
    compiler = os.environ.get("CXX") or next(
        (name for name in ("g++", "c++") if shutil.which(name)), None
    )
    if compiler is None:
        raise BuildError("no C++ compiler was found: g++ or c++, or the one named by CXX")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = Path(folder) / FILE_NAME
            command = [
                *shlex.split(compiler),
                *FLAGS,
                str(SOURCES / "kernels.cpp"),
                "-o",
                str(made),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
            if done.returncode:
                raise BuildError(f"{compiler} failed: {done.stderr.strip()[-2000:]}")
            made.replace(target)
    except OSError as error:
        raise BuildError(f"{target}: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile the kernels unless done before; print the result and return 0 even on failure."""
    parser = argparse.ArgumentParser(
        prog="python -m model.kernels.build", description="Compile the kernels for CPUs."
    )
    parser.add_argument(
        "--output",
        type=Path,
        help=f"compile into this file, whether or not it is there; {FILE_NAME} in the package's "
        "folder is taken before anything compiled later",
    )
    output: Path | None = parser.parse_args(arguments).output
    try:
        target = output or cached_file()
        if output is None and target.exists():
            print(f"kernels: {target} is up to date")  # noqa: T201 - a command's answer
            return 0
        build(target)
    except (BuildError, OSError) as error:
        print(f"kernels: not compiled, PyTorch's own will be used: {error}", file=sys.stderr)  # noqa: T201
        return 0
    print(f"kernels: compiled into {target}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
