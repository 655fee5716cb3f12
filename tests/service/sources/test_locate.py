import subprocess
import sys
from pathlib import Path

import pytest

from service.settings import Settings
from service.sources.locate import ModelSource, SourceError, find, locate, origin_of, split_revision

ROOT = Path(__file__).parents[3]
SETTINGS = Settings()


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        pytest.param("bundled/translate", "bundled", id="bundled"),
        pytest.param("/models/opus", "folder", id="absolute"),
        pytest.param("./opus", "folder", id="beside"),
        pytest.param("../opus", "folder", id="above"),
        pytest.param("~/opus", "folder", id="at home"),
        pytest.param("models/opus", "folder", id="that is there"),
        pytest.param("Helsinki-NLP/opus-mt-en-de", "hub", id="hub"),
        pytest.param("google/flan-t5_x.1", "hub", id="hub, odd signs"),
    ],
)
def test_a_path_tells_where_its_files_are_from(tmp_path: Path, path: str, origin: str) -> None:
    (tmp_path / "models" / "opus").mkdir(parents=True)
    assert origin_of(path, base=tmp_path) == origin


@pytest.mark.parametrize(
    "path", ["opus", "a/b/c", "a--b/c", "a/..", "a/b.git", "-a/b", "a/b-", f"a/{'b' * 95}", "ä/b"]
)
def test_what_can_be_read_in_no_way_names_all_three(tmp_path: Path, path: str) -> None:
    with pytest.raises(SourceError) as failure:
        origin_of(path, base=tmp_path)
    sentence = str(failure.value)
    assert f"there is no folder {tmp_path / path}" in sentence
    assert "bundled/summarize, bundled/translate" in sentence
    assert "owner/name" in sentence


def test_a_bundled_model_is_located() -> None:
    source = locate("bundled/translate", revision=None, settings=SETTINGS)
    assert source.origin == "bundled"
    assert (source.folder / "config.json").is_file()


def test_a_bundled_model_that_is_not_there_is_named_with_those_that_are() -> None:
    assert find("bundled/none", revision=None, settings=SETTINGS) is None
    with pytest.raises(SourceError, match=r"no folder .*bundled/none; .* bundled/translate"):
        locate("bundled/none", revision=None, settings=SETTINGS)


def test_a_folder_is_located_beside_its_base(tmp_path: Path) -> None:
    (tmp_path / "opus").mkdir()
    expected = ModelSource(folder=tmp_path / "opus", origin="folder")
    assert locate("opus", revision=None, settings=SETTINGS, base=tmp_path) == expected
    assert find("opus", revision=None, settings=SETTINGS, base=tmp_path) == expected
    assert find("./none", revision=None, settings=SETTINGS, base=tmp_path) is None


def test_a_folder_has_no_revisions(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no revision 'main'"):
        locate(str(tmp_path), revision="main", settings=SETTINGS)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        pytest.param("a/b@v1", ("a/b", "v1"), id="tag"),
        pytest.param("a/b@refs/pr/1", ("a/b", "refs/pr/1"), id="pull request"),
        pytest.param("a/b", ("a/b", None), id="none"),
        pytest.param("a/b@", ("a/b@", None), id="an empty one"),
        pytest.param("/models/opus@v1", ("/models/opus@v1", None), id="folder"),
    ],
)
def test_a_revision_is_split_off_a_hub_id_only(name: str, parts: tuple[str, str | None]) -> None:
    assert split_revision(name) == parts


def test_the_library_of_hubs_is_imported_for_models_of_hubs_only() -> None:
    program = (
        "import sys; from service.settings import Settings;"
        "from service.sources.locate import locate;"
        "locate('bundled/translate', revision=None, settings=Settings());"
        "print('huggingface_hub' in sys.modules)"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
