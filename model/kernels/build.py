"""Compile the kernels: `python -m model.kernels.build`.

This needs a C++ compiler and takes some ten seconds for a level, once for each version of the
sources. Without a compiler PyTorch's kernels are used. Nothing has to be installed for it.
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from model.kernels.levels import Level, levels_of_architecture, levels_of_processor

SOURCES = Path(__file__).parent / "src"

FLAGS = (
    "-std=c++17",
    "-O3",  # unrolls, so that sums stay in registers
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",  # several levels in one process share nothing
    "-ffp-contract=off",  # a sum is the same at any number of rows, whatever the compiler inlines
)
# The same OpenMP as PyTorch's, and so the same threads. Apple's compiler has none of its own: its
# calls are found in the library that PyTorch has loaded.
_OPENMP = {
    "linux": ("-fopenmp",),
    "darwin": ("-Xclang", "-fopenmp", "-undefined", "dynamic_lookup"),
}


class BuildError(RuntimeError):
    """The kernels cannot be compiled; the message says why."""


def file_name(level: Level) -> str:
    """Return the name of a level's file in the package's folder."""
    return f"kernels-{level.name}.so"


def flags_of(level: Level) -> tuple[str, ...]:
    """Return the compiler's options for a level on this system."""
    return (*FLAGS, *_OPENMP.get(sys.platform, _OPENMP["linux"]), *level.flags)


def cached_file(level: Level) -> Path:
    """Return the path that this version of the sources is compiled to.

    Raises:
        BuildError: The user has no home folder.
    """
    digest = hashlib.sha256(" ".join(flags_of(level)).encode())
    for path in sorted((*SOURCES.glob("*.h"), *SOURCES.glob("*.cpp"))):
        digest.update(path.read_bytes())
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:  # a user without a name, as containers have them
        raise BuildError(f"no folder to compile into: {error}") from error
    return cache / "dragoman" / f"kernels-{level.name}-{digest.hexdigest()[:16]}.so"


def build(level: Level, target: Path) -> None:
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
            made = Path(folder) / target.name
            command = [
                *shlex.split(compiler),
                *flags_of(level),
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
        prog="python -m model.kernels.build",
        description="Compile the kernels for CPUs: the best level that this processor has.",
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="compile every level of this architecture into this folder instead, as an image for "
        "any processor needs them; files in the package's folder are taken before all others",
    )
    output: Path | None = parser.parse_args(arguments).output
    if output is not None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            made = [
                pool.submit(_compile, level, output / file_name(level))
                for level in levels_of_architecture()
            ]
        reports = [future.result() for future in made]
    else:
        reports = _compile_best()
    for report in reports:
        failed = report.startswith("not ")
        print(f"kernels: {report}", file=sys.stderr if failed else sys.stdout)
    return 0


def _compile_best() -> list[str]:
    """Compile the best level that the compiler knows; return a report, or why there is none."""
    report = "not compiled, PyTorch's own will be used: this processor has no level of them"
    failed: list[str] = []
    for level in levels_of_processor():
        report = _compile(level, None)
        if not report.startswith("not "):
            return [report]
        failed.append(report)
    return failed[:1] or [report]


def _compile(level: Level, output: Path | None) -> str:
    """Compile a level into a file, or into the cache if it is not there; return a report."""
    try:
        target = output or cached_file(level)
        if output is None and target.exists():
            return f"{target} is up to date"
        build(level, target)
    except (BuildError, OSError) as error:
        return f"not compiled for {level.title}, PyTorch's own will be used: {error}"
    return f"compiled into {target}"


if __name__ == "__main__":
    sys.exit(main())
