"""Which kernels a process gets, and what it says where they are not our own."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from numpy.random import mtrand

from model.kernels import build, levels, library, structures
from model.kernels.levels import Level, levels_of_processor
from model.kernels.library import VARIABLE
from tests.support.service.machines import needs_kernels

# Ends only when two have begun.
_SLOW_COMPILER = """#!/bin/sh
touch {begun}/$$
while [ "$(ls {begun} | wc -l)" -lt 2 ]; do sleep 0.01; done
for last; do :; done
cp {compiled} "$last"
"""
_OMP = """
from pathlib import Path
from model.kernels.library import Library
def known():
    maps = Path("/proc/self/maps").read_text().splitlines()
    return {line.split()[-1] for line in maps if "omp" in line.rpartition("/")[2]}
"""
_USE = "from model.kernels.library import library; found = library(); print(found and found.path)"


@pytest.fixture(autouse=True)
def ask_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Each test asks for the library as a new process would, in an empty home."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(library, "SHIPPED", tmp_path / "shipped")
    library.library.cache_clear()
    yield
    library.library.cache_clear()  # the next to ask gets the one of the tests again


@pytest.fixture(scope="module")
def best() -> Level:
    """The best level of this processor."""
    return levels_of_processor()[0]


@pytest.fixture(scope="module")
def compiled(best: Level, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of kernels."""
    target = build.cached_file(best)
    if not target.exists():
        target = tmp_path_factory.mktemp("kernels") / "made.so"
        build.build(best, target)
    return target


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Those of the log's warnings."""
    assert all("PyTorch's kernels are used" in record.message for record in caplog.records)
    return [str(vars(record)["reason"]) for record in caplog.records]


@pytest.mark.parametrize("word", ["off", "OFF", "0", "false", "no"])
def test_off_is_pytorch_without_a_word(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, word: str
) -> None:
    monkeypatch.setenv(VARIABLE, word)
    assert library.library() is None
    assert not caplog.records


def test_without_a_compiler_it_is_pytorch_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert library.library() is None
    assert reasons(caplog) == ["no C++ compiler was found: g++ or c++, or the one named by CXX"]


@pytest.mark.parametrize("compiler", ["false", "/no/such/compiler"])
def test_with_a_broken_compiler_it_is_pytorch_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    compiler: str,
) -> None:
    monkeypatch.setenv("CXX", compiler)
    assert library.library() is None
    (reason,) = reasons(caplog)
    assert compiler in reason
    assert not list((tmp_path / "cache" / "dragoman").iterdir())


def test_with_a_cache_that_cannot_be_written_it_is_pytorch_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()  # a file cannot hold a folder, even for root
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert library.library() is None
    (reason,) = reasons(caplog)
    assert str(tmp_path / "file") in reason


def test_without_a_home_it_is_pytorch_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    assert library.library() is None
    assert reasons(caplog) == ["no folder to compile into: Could not determine home directory."]


@pytest.mark.parametrize("content", [None, b"", b"no library at all"], ids=str)
def test_a_wrong_file_is_pytorch_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    content: bytes | None,
) -> None:
    path = tmp_path / "wrong.so"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(VARIABLE, str(path))
    assert library.library() is None
    (reason,) = reasons(caplog)
    assert "wrong.so" in reason


def test_a_library_of_something_else_is_pytorch_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, mtrand.__file__)
    assert library.library() is None
    (reason,) = reasons(caplog)
    assert "dragoman_" in reason


def test_a_processor_without_a_level_compiles_and_loads_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu sse2 avx\n", encoding="utf-8")
    monkeypatch.setattr(levels, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(library, "Library", None)
    monkeypatch.setattr(library, "build", None)
    assert library.library() is None
    (record,) = caplog.records
    assert record.message.startswith("this processor has no level of the kernels")


@needs_kernels
def test_a_file_for_another_processor_is_refused_with_its_level(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    best: Level,
    compiled: Path,
) -> None:
    (tmp_path / "cpuinfo").write_text("flags\t\t: avx2\nFeatures: asimd\n", encoding="utf-8")
    monkeypatch.setattr(levels, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setenv(VARIABLE, str(compiled))
    assert library.library() is None
    assert reasons(caplog) == [f"it was compiled for {best.name}, which this processor lacks"]


@pytest.mark.parametrize("asked", ["avx9", "amx"])
def test_a_level_that_is_not_there_is_refused_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, asked: str
) -> None:
    (tmp_path / "cpuinfo").write_text("flags\t: avx2 fma asimd\n", encoding="utf-8")
    monkeypatch.setattr(levels, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(library, "build", None)
    monkeypatch.setenv(VARIABLE, asked)
    assert library.library() is None
    (reason,) = reasons(caplog)
    (known,) = levels_of_processor()
    assert reason.startswith(f"{VARIABLE}: ")
    assert asked in reason
    assert known.name in reason


@needs_kernels
def test_a_level_is_chosen_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    level = levels_of_processor()[-1]
    monkeypatch.setenv(VARIABLE, level.name)
    found = library.library()
    assert found is not None
    assert found.level == level


@needs_kernels
def test_a_compiler_that_lacks_the_best_level_makes_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, best: Level
) -> None:
    if len(levels_of_processor()) < 2:
        pytest.skip("this processor has one level")
    compiler = tmp_path / "compiler"
    compiler.write_text(
        f'#!/bin/sh\ncase "$*" in *{best.flags[-1]}*) exit 1;; esac\nexec c++ "$@"\n'
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    found = library.library()
    assert found is not None
    assert found.level == levels_of_processor()[1]


@needs_kernels
def test_structs_of_another_size_are_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, compiled: Path
) -> None:
    monkeypatch.setattr(structures, "STRUCTURES", (*structures.STRUCTURES[:-1], structures.Linear))
    monkeypatch.setenv(VARIABLE, str(compiled))
    assert library.library() is None
    (reason,) = reasons(caplog)
    assert "its structs take [" in reason


@needs_kernels
def test_a_file_that_was_shipped_is_taken_and_nothing_compiled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, best: Level, compiled: Path
) -> None:
    shipped = tmp_path / build.file_name(best)
    shipped.symlink_to(compiled)
    monkeypatch.setattr(library, "SHIPPED", tmp_path)
    monkeypatch.setattr(library, "build", None)
    found = library.library()
    assert found is not None
    assert found.path == shipped
    assert found.level == best


@needs_kernels
def test_the_library_has_no_threads_of_its_own_beside_those_of_pytorch(compiled: Path) -> None:
    """Two OpenMP runtimes would have two teams, on as many cores."""
    command = f"{_OMP}\nprint(known() == (Library(Path({str(compiled)!r})), known())[1])"
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", command], capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "True"


@needs_kernels
def test_processes_that_compile_at_once_all_get_the_kernels(tmp_path: Path, compiled: Path) -> None:
    compiler, begun = tmp_path / "compiler", tmp_path / "begun"
    compiler.write_text(_SLOW_COMPILER.format(begun=begun, compiled=compiled), encoding="utf-8")
    compiler.chmod(0o755)
    begun.mkdir()
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "CXX": str(compiler)}
    started = [
        subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-c", _USE], stdout=subprocess.PIPE, env=environment
        )
        for _ in range(2)
    ]
    answers = {process.communicate()[0].decode().strip() for process in started}
    (made,) = (tmp_path / "dragoman").iterdir()
    assert answers == {str(made)}
