import re
from pathlib import Path

import pytest

from service.catalogue import CatalogueError, load_catalogue

TRANSLATOR = """\
models:
  - name: opus/en-de
    path: opus-en-de
    task: translation
    pairs: [en-de]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "dragoman.yaml"
    path.write_text(text)
    return path


def test_the_default_catalogue_is_the_bundled_models_and_they_are_there() -> None:
    catalogue = load_catalogue()
    assert [entry.name for entry in catalogue.models] == ["bundled/translate", "bundled/summarize"]
    assert all((entry.folder() / "config.json").is_file() for entry in catalogue.models)


def test_the_bundled_models_offer_four_languages_and_two_styles() -> None:
    translator, summarizer = load_catalogue().models
    others = ("de", "fr", "es")
    assert set(translator.pairs) == {pair for x in others for pair in (("en", x), (x, "en"))}
    assert summarizer.styles == ("tldr", "headline")


def test_every_bundled_model_is_guarded_against_loops() -> None:
    assert all(entry.defaults["max_repeats"] == 3 for entry in load_catalogue().models)


def test_a_model_is_described_in_full(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"{TRANSLATOR}    dtype: float32\n    device: cpu\n    max_running_rows: 8\n"
        "    kv_cache_bytes: 1000000\n    defaults: {num_beams: 4, max_new_tokens: 64}\n",
    )
    (entry,) = load_catalogue(path).models
    assert entry.pairs == (("en", "de"),)
    assert (entry.dtype, entry.device, entry.max_running_rows) == ("float32", "cpu", 8)
    assert entry.defaults == {"num_beams": 4, "max_new_tokens": 64}


def test_languages_may_be_given_as_two_lists_of_which_every_combination_is_meant(
    tmp_path: Path,
) -> None:
    text = TRANSLATOR.replace("pairs: [en-de]", "source: [en, de]\n    target: [de, fr]")
    (entry,) = load_catalogue(write(tmp_path, text)).models
    assert entry.pairs == (("en", "de"), ("en", "fr"), ("de", "fr"))


def test_a_relative_path_is_relative_to_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "opus-en-de").mkdir()
    (entry,) = load_catalogue(write(tmp_path, TRANSLATOR)).models
    assert entry.folder() == tmp_path / "opus-en-de"


def test_a_folder_that_is_not_there_is_named_with_its_model(tmp_path: Path) -> None:
    (entry,) = load_catalogue(write(tmp_path, TRANSLATOR)).models
    with pytest.raises(CatalogueError, match=re.escape(f"{tmp_path / 'opus-en-de'}")):
        entry.folder()


def test_a_bundled_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    text = TRANSLATOR.replace("path: opus-en-de", "path: bundled/none")
    (entry,) = load_catalogue(write(tmp_path, text)).models
    with pytest.raises(CatalogueError, match=r"'opus/en-de': there is no folder .*bundled/none"):
        entry.folder()


@pytest.mark.parametrize(
    ("changed", "to", "message"),
    [
        pytest.param(
            "task: translation",
            "task: poetry",
            r"models\[0\].task: .*'translation' or 'summarization' \(got 'poetry'\)",
            id="unknown task",
        ),
        pytest.param(
            "pairs: [en-de]",
            "pairs: [en-de, german]",
            r"models\[0\].pairs\[1\]: .*such as en-de \(got 'german'\)",
            id="pair",
        ),
        pytest.param(
            "    pairs: [en-de]\n", "", r"models\[0\]: .*needs pairs", id="translator without pairs"
        ),
        pytest.param(
            "pairs: [en-de]",
            "pairs: [en-de]\n    typo: 1",
            r"models\[0\].typo: Extra inputs .*\(got 1\)",
            id="unknown field",
        ),
        pytest.param(
            "pairs: [en-de]",
            "pairs: [en-de]\n    source: [en]\n    target: [de]",
            r"models\[0\]: give either pairs, or source and target",
            id="pairs twice",
        ),
        pytest.param(
            "pairs: [en-de]",
            "source: [en]",
            r"models\[0\]: source and target are two lists",
            id="source alone",
        ),
        pytest.param(
            "pairs: [en-de]",
            "pairs: [en-de]\n    dtype: int3",
            r"models\[0\].dtype: .*\(got 'int3'\)",
            id="dtype",
        ),
        pytest.param(
            "pairs: [en-de]",
            "pairs: [en-de]\n    defaults: {num_beams: 9}",
            r"models\[0\].defaults: num_beams: 9 is not between 1 and 8",
            id="default out of range",
        ),
        pytest.param(
            "pairs: [en-de]",
            "pairs: [en-de]\n    defaults: {beams: 4}",
            r"models\[0\].defaults: no generation default 'beams'",
            id="unknown default",
        ),
        pytest.param(
            "pairs: [en-de]",
            "pairs: [en-de]\n    defaults: {num_beams: four}",
            r"models\[0\].defaults: num_beams: .*valid integer",
            id="default of the wrong type",
        ),
        pytest.param(
            "task: translation\n    pairs: [en-de]",
            "task: summarization\n    pairs: [en-de]",
            r"models\[0\]: a summarization model has no language pairs",
            id="summarizer with pairs",
        ),
        pytest.param(
            "pairs: [en-de]",
            "pairs: [en-de]\n    styles: [tldr]",
            r"models\[0\]: a translation model has no styles",
            id="translator with styles",
        ),
        pytest.param("name: opus/en-de", "name: ../x", r"models\[0\].name: ", id="name"),
    ],
)
def test_a_mistake_is_named_by_file_field_and_value(
    tmp_path: Path, changed: str, to: str, message: str
) -> None:
    assert changed in TRANSLATOR
    path = write(tmp_path, TRANSLATOR.replace(changed, to))
    with pytest.raises(CatalogueError, match=f"^{re.escape(str(path))}: {message}"):
        load_catalogue(path)


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, TRANSLATOR + TRANSLATOR.removeprefix("models:\n"))
    with pytest.raises(CatalogueError, match="two models are called 'opus/en-de'"):
        load_catalogue(path)


@pytest.mark.parametrize(
    "text",
    [pytest.param("", id="empty"), pytest.param("models: []", id="no models"), "- 1", "just text"],
)
def test_a_catalogue_that_names_no_model_is_refused(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(CatalogueError, match=re.escape(str(path))):
        load_catalogue(path)


def test_a_file_that_is_not_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="is not YAML"):
        load_catalogue(write(tmp_path, "models: ["))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"cannot read the catalogue .*none\.yaml"):
        load_catalogue(tmp_path / "none.yaml")
