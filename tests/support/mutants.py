"""Mutation testing of a part of the code: mutmut on a sample of mutants, in a copy of the tree.

python -m tests.support.mutants service/tasks           60 mutants of one room
python -m tests.support.mutants --since main            of the functions changed since a commit
python -m tests.support.mutants service/tasks --sample 0     all of them
"""

import argparse
import ast
import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import get_mutant_name, orig_function_and_class_names_from_key

_PACKAGES = ("model", "service")
# mutmut's words; all others mean that a test failed or took too long.
_UNNOTICED = {"survived", "no tests", "not checked"}


class Mutant(NamedTuple):
    """A mutant's name in mutmut, the file it changes, and the lines of the function around it."""

    name: str
    path: Path
    lines: range


def main() -> None:
    """Print how many of the sampled mutants the tests noticed, and each that they did not."""
    options = _parse()
    files = _changed_lines(options.since) if options.since else {}
    paths = options.paths or [Path(package) for package in _PACKAGES]
    with tempfile.TemporaryDirectory(prefix="dragoman-mutants-") as folder:
        _copy_tree(Path(folder))
        with contextlib.chdir(folder):
            modules = [
                module
                for path in paths
                for module in ([path] if path.suffix else sorted(path.rglob("*.py")))
                if not options.since or module in files
            ]
            _configure(modules, options.tests or sorted({_mirror(module) for module in modules}))
            mutants = [mutant for module in modules for mutant in _mutants(module)]
            if options.since:
                mutants = [m for m in mutants if files[m.path].intersection(m.lines)]
            if options.sample and len(mutants) > options.sample:
                mutants = random.Random(options.seed).sample(mutants, options.sample)
            if mutants:
                _report(mutants, _run(mutants))
            else:
                print("no function to mutate")  # noqa: T201


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Formatter)
    parser.add_argument("paths", nargs="*", type=Path, help="modules or packages; default: all")
    parser.add_argument("--since", metavar="COMMIT", help="only functions changed since COMMIT")
    parser.add_argument("--sample", type=int, default=60, help="mutants at most; 0: all")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample")
    parser.add_argument(
        "--tests", nargs="+", type=Path, help="tests to run; default: the folder that mirrors"
    )
    return parser.parse_args()


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Help that keeps the module's lines and names the defaults."""


def _copy_tree(target: Path) -> None:
    """Copy the files of the work tree, changes included, and the compiled kernels."""
    listed = _git("ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    compiled = [str(path) for path in Path("model/kernels").glob("*.so")]
    for name in filter(os.path.isfile, [*listed, *compiled]):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(name, target / name)


def _configure(modules: list[Path], tests: list[Path]) -> None:
    """Append mutmut's settings for this run to those of `[tool.mutmut]` in the copy."""
    top = [path.name for path in Path().iterdir() if path.name not in _PACKAGES]
    settings = {
        "source_paths": list(_PACKAGES),
        "only_mutate": [str(module) for module in modules],
        "also_copy": top,
        "pytest_add_cli_args_test_selection": [str(test) for test in tests],
    }
    file = Path("pyproject.toml")
    lines = "\n".join(f"{key} = {value!r}" for key, value in settings.items())
    file.write_text(file.read_text().replace("[tool.mutmut]\n", f"[tool.mutmut]\n{lines}\n"))


def _mirror(module: Path) -> Path:
    """Return the nearest existing folder of tests that mirrors the module's package."""
    folder = Path("tests") / module.parent
    while not folder.is_dir():
        folder = folder.parent
    return folder


def _mutants(module: Path) -> Iterator[Mutant]:
    source = module.read_text()
    functions = _functions(ast.parse(source).body)
    for mangled in mutate_file_contents(str(module), source).mutant_names:
        name = get_mutant_name(module, mangled)
        yield Mutant(name, module, functions[orig_function_and_class_names_from_key(name)])


def _functions(
    body: list[ast.stmt], owner: str | None = None
) -> dict[tuple[str, str | None], range]:
    """Return the lines of each function by (name, class), as mutmut names them."""
    found: dict[tuple[str, str | None], range] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name, owner] = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        elif isinstance(node, ast.ClassDef):
            found |= _functions(node.body, f"{owner}.{node.name}" if owner else node.name)
    return found


def _run(mutants: list[Mutant]) -> dict[str, str]:
    """Run mutmut on the mutants; return its verdicts by name."""
    tool = [sys.executable, "-m", "mutmut"]
    mutated = Path("mutants").resolve()
    mutated.mkdir()  # or Python remembers that there is nothing to import from
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(mutated)}
    command = [*tool, "run", "--max-children", "1", *(mutant.name for mutant in mutants)]
    with tempfile.NamedTemporaryFile("w", delete=False, prefix="mutants-", suffix=".log") as output:
        print(f"{len(mutants)} mutants; progress: {output.name}", flush=True)  # noqa: T201
        subprocess.run(command, check=True, env=environment, stdout=output, stderr=output)  # noqa: S603
    listed = subprocess.run(  # noqa: S603
        [*tool, "results", "--all", "true"], check=True, capture_output=True, text=True
    )
    return dict(line.strip().split(": ", 1) for line in listed.stdout.splitlines())


def _report(mutants: list[Mutant], verdicts: dict[str, str]) -> None:
    unnoticed = [mutant for mutant in mutants if verdicts[mutant.name] in _UNNOTICED]
    noticed = len(mutants) - len(unnoticed)
    share = f"{noticed} of {len(mutants)} ({noticed / len(mutants):.0%})"
    num_timed_out = sum(verdicts[mutant.name] == "timeout" for mutant in mutants)
    print(f"noticed {share}, {num_timed_out} of them by a time-out")  # noqa: T201
    for mutant in sorted(unnoticed, key=lambda mutant: (mutant.path, mutant.lines.start)):
        diff = get_diff_for_mutant(mutant.name, path=mutant.path).splitlines()[2:]
        removed = [line[1:].strip() for line in diff if line.startswith("-")]
        added = [line[1:].strip() for line in diff if line.startswith("+")]
        source = mutant.path.read_text().splitlines()
        line = next((n for n in mutant.lines if source[n - 1].strip() in removed), mutant.lines[0])
        print(f"{mutant.path}:{line}: {verdicts[mutant.name]}")  # noqa: T201
        print(*(f"  - {text}" for text in removed), sep="\n")  # noqa: T201
        print(*(f"  + {text}" for text in added), sep="\n")  # noqa: T201


def _changed_lines(commit: str) -> dict[Path, set[int]]:
    """Return the lines added or changed since the commit, by file."""
    lines: dict[Path, set[int]] = {}
    current: set[int] = set()
    for line in _git("diff", "--unified=0", commit, "--", *_PACKAGES).splitlines():
        if line.startswith("+++ b/"):
            current = lines.setdefault(Path(line.removeprefix("+++ b/")), set())
        elif hunk := re.match(r"@@ \S+ \+(\d+)(?:,(\d+))? @@", line):
            start, count = int(hunk[1]), int(hunk[2] or 1)
            current.update(range(start, start + count))
    return lines


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


if __name__ == "__main__":
    main()
