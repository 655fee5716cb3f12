"""`python -m model.kernels.build`: what it makes, and that a machine that cannot is no failure."""

from pathlib import Path

import pytest

from model.kernels import build


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write_compiler(folder: Path) -> Path:
    """One that makes a file which holds its arguments."""
    path = folder / "compiler"
    path.write_text('#!/bin/sh\nfor last; do :; done\necho "$@" > "$last"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def test_what_is_compiled_once_is_up_to_date(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("CXX", f"{write_compiler(tmp_path)} --an-option")
    assert build.main([]) == 0
    target = build.cached_file()
    assert target.read_text(encoding="utf-8").startswith("--an-option -std=c++17")
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert build.main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"kernels: compiled into {target}",
        f"kernels: {target} is up to date",
    ]


def test_an_image_says_where_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", str(write_compiler(tmp_path)))
    target = tmp_path / "package" / build.FILE_NAME
    assert build.main(["--output", str(target)]) == 0
    assert target.exists()
    assert not build.cached_file().exists()


@pytest.mark.parametrize("options", [[], ["--output", "kernels.so"]], ids=str)
def test_without_a_compiler_it_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    options: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build.main(options) == 0
    message = capsys.readouterr().err
    assert message.startswith("kernels: not compiled, PyTorch's own will be used: no C++ compiler")
    assert not (tmp_path / "kernels.so").exists()


def test_other_sources_or_options_are_another_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = build.cached_file()
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-g"))
    flagged = build.cached_file()
    (tmp_path / "kernels.cpp").write_text("int nothing;", encoding="utf-8")
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    assert len({before, flagged, build.cached_file()}) == 3
