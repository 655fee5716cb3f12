"""The catalogue's file: what it says of models, and what is said of its mistakes."""

import pickle
import re
from pathlib import Path

import pytest

from service.catalogue.catalogue import CatalogueError, load_catalogue
from service.yaml_file import MAX_BYTES

TRANSLATOR = """\
models:
  - name: opus/en-de
    path: ./opus-en-de
    task: translation
    pairs: [en-de]
"""
SUMMARIZER = """\
  - name: my/summarizer
    path: bundled/summarize
    task: summarization
    styles: [tldr, headline]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "dragoman.yaml"
    path.write_text(text)
    return path


def mistakes(folder: Path, text: str) -> list[str]:
    """Return the lines of the error, without the file's path."""
    path = write(folder, text)
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}:") for line in lines)
    return [line.removeprefix(f"{path}:") for line in lines]


def test_the_default_catalogue_is_the_bundled_models() -> None:
    catalogue = load_catalogue()
    assert [entry.name for entry in catalogue.models] == ["bundled/translate", "bundled/summarize"]
    assert [entry.path for entry in catalogue.models] == ["bundled/translate", "bundled/summarize"]


def test_the_bundled_models_offer_four_languages_and_two_styles() -> None:
    translator, summarizer = load_catalogue().models
    others = ("de", "fr", "es")
    assert set(translator.pairs) == {pair for x in others for pair in (("en", x), (x, "en"))}
    assert summarizer.styles == ("tldr", "headline")


def test_every_bundled_model_is_guarded_against_loops() -> None:
    assert all(entry.defaults["max_repeats"] == 3 for entry in load_catalogue().models)


@pytest.mark.parametrize("path", ["opus-en-de", "./opus-en-de", "ABSOLUTE"])
def test_a_folder_is_relative_to_the_catalogue(tmp_path: Path, path: str) -> None:
    (tmp_path / "opus-en-de").mkdir()
    path = path.replace("ABSOLUTE", str(tmp_path / "opus-en-de"))
    (entry,) = load_catalogue(write(tmp_path, TRANSLATOR.replace("./opus-en-de", path))).models
    assert Path(entry.path) == tmp_path / "opus-en-de"
    assert entry.origin == "folder"


def test_a_hub_s_id_and_a_bundled_name_stay_as_they_are(tmp_path: Path) -> None:
    text = TRANSLATOR.replace("./opus-en-de", "owner/opus-en-de\n    revision: v1.0") + SUMMARIZER
    on_hub, bundled = load_catalogue(write(tmp_path, text)).models
    assert (on_hub.path, on_hub.revision) == ("owner/opus-en-de", "v1.0")
    assert (on_hub.origin, bundled.origin) == ("owner/opus-en-de", "bundled/summarize")


def test_a_folder_beside_the_catalogue_goes_before_a_hub_s_id(tmp_path: Path) -> None:
    (tmp_path / "owner" / "opus-en-de").mkdir(parents=True)
    path = write(tmp_path, TRANSLATOR.replace("./opus-en-de", "owner/opus-en-de"))
    assert load_catalogue(path).models[0].path == str(tmp_path / "owner" / "opus-en-de")


def test_every_problem_is_told_with_its_line_in_the_file_s_order(tmp_path: Path) -> None:
    text = f"""\
{TRANSLATOR}    dtyp: int8
    device: gpu
  - path: owner/x
    task: poetry
    defaults:
      num_beams: 4
      beams: 5
default: {{}}
"""
    unknown = "there is no such generation parameter"
    assert [line.partition(" (")[0] for line in mistakes(tmp_path, text)] == [
        "6: models[0].dtyp: there is no such key; did you mean 'dtype'?",
        "7: models[0].device: a device is auto, cpu, cuda, or one GPU of several, such as cuda:1",
        "8: models[1].name: this is missing",
        "9: models[1].task: Input should be 'translation' or 'summarization'",
        f"12: models[1].defaults.beams: {unknown}; did you mean 'num_beams'?",
        "13: default: there is no such key; did you mean 'defaults'?",
    ]


def test_a_value_is_shown_but_not_all_of_a_long_one(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, f"{TRANSLATOR}    dtype: int7\n")
    assert line.endswith("(got 'int7')")
    (line,) = mistakes(tmp_path, f"{TRANSLATOR}    dtype: {'x' * 5_000}\n")
    assert line.endswith("xxx ...)")
    assert len(line) < 300


def test_two_models_of_one_name_are_refused_at_the_second(tmp_path: Path) -> None:
    text = TRANSLATOR + TRANSLATOR.removeprefix("models:\n")
    assert mistakes(tmp_path, text) == ["6: models[1].name: two models are called 'opus/en-de'"]


def test_two_models_may_share_their_files(tmp_path: Path) -> None:
    other = TRANSLATOR.removeprefix("models:\n").replace("opus/en-de", "beams")
    path = write(tmp_path, f"{TRANSLATOR}{other}    defaults: {{num_beams: 4}}\n")
    first, second = load_catalogue(path).models
    assert first.path == second.path
    assert first.defaults != second.defaults


def test_what_several_models_have_in_common_may_be_written_once(tmp_path: Path) -> None:
    first = TRANSLATOR.replace("- name", "- &common\n    name")
    path = write(tmp_path, f"{first}  - <<: *common\n    name: other\n    pairs: [de-en]\n")
    models = load_catalogue(path).models
    assert [(m.name, tuple(m.pairs)) for m in models] == [
        ("opus/en-de", (("en", "de"),)),
        ("other", (("de", "en"),)),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("", "1: the file: this is no mapping", id="empty"),
        pytest.param("models: []", "1: models: there is no model in it", id="no models"),
        pytest.param("- 1", "1: the file: this is no mapping", id="list"),
        pytest.param("just text", "1: the file: this is no mapping", id="text"),
        pytest.param("models: {a: 1}", "1: models: this is no list", id="mapping"),
        pytest.param("x: 1\nmodels:\n  - 3", "3: models[0]: this is no mapping", id="number"),
        pytest.param("a: 1\na: 2", "2: the key 'a' is given twice", id="key twice"),
        pytest.param("models: [", "1: this is not YAML: ", id="no YAML"),
        pytest.param("#" * (MAX_BYTES + 1), "1: the file has more than", id="large"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, text: str, line: str) -> None:
    assert any(found.startswith(line) for found in mistakes(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"cannot read the catalogue .*none\.yaml"):
        load_catalogue(tmp_path / "none.yaml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.yaml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CatalogueError, match=r"cannot read the catalogue .*dragoman\.yaml"):
        load_catalogue(path)


def test_each_model_knows_what_it_is_the_default_for(tmp_path: Path) -> None:
    defaults = "defaults: {summarization: my/summarizer, en-de: opus/en-de}\n"
    path = write(tmp_path, defaults + TRANSLATOR + SUMMARIZER)
    translator, summarizer = load_catalogue(path).models
    assert (translator.default_for, summarizer.default_for) == (("en-de",), ("summarization",))


@pytest.mark.parametrize(
    ("default", "sentence"),
    [
        ("de-en: opus/en-de", "de-en: opus/en-de does not translate de-en"),
        ("en-de: my/summarizer", "en-de: my/summarizer is not made for translation"),
        ("summarization: opus/en-de", "summarization: opus/en-de is not made for summarization"),
        ("en-de: opus/en-fr", "en-de: there is no such model; did you mean 'opus/en-de'?"),
        ("poetry: opus/en-de", "poetry: a default is for translation, for summarization, or"),
    ],
)
def test_a_default_must_be_able_to_do_it(tmp_path: Path, default: str, sentence: str) -> None:
    (line,) = mistakes(tmp_path, f"{TRANSLATOR}{SUMMARIZER}defaults:\n  {default}\n")
    assert line.startswith(f"11: defaults.{sentence}")


def test_a_default_for_any_pair_may_be_a_model_of_all_its_languages(tmp_path: Path) -> None:
    text = TRANSLATOR.replace("pairs: [en-de]", "languages: all") + "defaults: {de-en: opus/en-de}"
    assert load_catalogue(write(tmp_path, text)).models[0].default_for == ("de-en",)


def test_a_model_knows_where_it_is_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, TRANSLATOR + SUMMARIZER)
    entry = load_catalogue(path).models[1]
    assert entry.at() == f"{path}:6: model 'my/summarizer'"
    assert entry.at("styles") == f"{path}:9: model 'my/summarizer', styles"
    assert entry.at("dtype") == f"{path}:6: model 'my/summarizer', dtype"


def test_a_catalogue_reaches_another_process_as_it_is(tmp_path: Path) -> None:
    text = f"{TRANSLATOR}{SUMMARIZER}defaults: {{en-de: opus/en-de}}\n"
    catalogue = load_catalogue(write(tmp_path, text))
    copy = pickle.loads(pickle.dumps(catalogue))  # noqa: S301 - our own
    assert copy == catalogue
    assert copy.models[0].default_for == ("en-de",)
    assert copy.models[0].at("path") == catalogue.models[0].at("path")


def test_a_path_that_no_model_can_have_is_refused_when_the_file_is_read(tmp_path: Path) -> None:
    text = TRANSLATOR.replace("./opus-en-de", "opus-en-de")
    (line,) = mistakes(tmp_path, text)
    folder = re.escape(str(tmp_path / "opus-en-de"))
    assert re.match(rf"3: models\[0\].path: there is no folder {folder}, and", line)
