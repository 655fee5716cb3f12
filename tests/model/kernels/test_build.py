"""`python -m model.kernels.build`: what it makes, and that a machine that cannot is no failure."""

from pathlib import Path

import pytest

from model.kernels import build, levels
from model.kernels.levels import levels_of_architecture, levels_of_processor


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
    target = build.cached_file(levels_of_processor()[0])
    assert target.read_text(encoding="utf-8").startswith("--an-option -std=c++17")
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert build.main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"kernels: compiled into {target}",
        f"kernels: {target} is up to date",
    ]


def test_an_image_gets_every_level_of_its_architecture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CXX", str(write_compiler(tmp_path)))
    folder = tmp_path / "package"
    assert build.main(["--output", str(folder)]) == 0
    expected = {build.file_name(level) for level in levels_of_architecture()}
    assert {path.name for path in folder.iterdir()} == expected
    assert len(expected) > 1
    assert not (tmp_path / "cache").exists()


def test_a_level_is_what_all_cores_have_in_common(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = {"x86": ("flags", "avx2", "fma avx_vnni"), "arm": ("Features", "asimd", "asimddp")}
    key, some, more = names["x86" if levels_of_architecture()[-1].name == "avx2" else "arm"]
    monkeypatch.setattr(levels, "CPUINFO", tmp_path / "cpuinfo")
    for second, count in ((f"{some} {more}", 2), (some, 1 if key == "Features" else 0)):
        content = f"{key}\t: {some} {more}\nbogomips\t: 1\n\n{key}\t: {second}\n"
        (tmp_path / "cpuinfo").write_text(content, encoding="utf-8")
        assert len(levels_of_processor()) == count


@pytest.mark.parametrize("options", [[], ["--output", "."]], ids=str)
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
    assert message.startswith("kernels: not compiled for")
    assert "PyTorch's own will be used: no C++ compiler" in message
    assert not list(tmp_path.glob("*.so"))


def test_other_sources_options_or_levels_are_another_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    level, *others = levels_of_architecture()
    before, other = build.cached_file(level), build.cached_file(others[0])
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-g"))
    flagged = build.cached_file(level)
    (tmp_path / "kernels.cpp").write_text("int nothing;", encoding="utf-8")
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    assert len({before, other, flagged, build.cached_file(level)}) == 4
