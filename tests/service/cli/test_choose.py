from pathlib import Path

import pytest

from service.catalogue.catalogue import Catalogue, load_catalogue
from service.cli.choose import (
    entry_of,
    models_to_summarize,
    models_to_translate,
    on_this_machine,
    source_here,
    undescribed,
)
from service.cli.terminal import CommandError, UsageError
from service.errors import TaskNotServedError
from service.settings import Settings

CATALOGUE = Catalogue.model_validate(
    {
        "models": [
            {"name": "a", "path": "a", "task": "translation", "pairs": ["en-de", "de-en"]},
            {"name": "b", "path": "b", "task": "translation", "pairs": ["en-fr", "es-de"]},
            {"name": "s", "path": "s", "task": "summarization", "styles": ["tldr"]},
            {"name": "t", "path": "t", "task": "summarization", "styles": ["tldr", "headline"]},
        ]
    }
)
TRANSLATORS_ALONE = Catalogue(models=CATALOGUE.models[:2])


@pytest.mark.parametrize(
    ("target", "source", "names"),
    [
        pytest.param("de", None, ["a", "b"], id="any source"),
        pytest.param("de", "es", ["b"], id="one source"),
        pytest.param("deu_Latn", "EN", ["a"], id="codes as others write them"),
        pytest.param("it", None, ["a", "b"], id="none fits: the error names them all"),
    ],
)
def test_only_the_models_that_the_languages_need_are_loaded(
    target: str, source: str | None, names: list[str]
) -> None:
    entries = models_to_translate(CATALOGUE, name=None, target=target, source=source)
    assert [entry.name for entry in entries] == names


def test_a_named_model_is_loaded_alone() -> None:
    (entry,) = models_to_translate(CATALOGUE, name="b", target="de", source=None)
    assert entry.name == "b"


def test_a_folder_may_stand_for_a_model(tmp_path: Path) -> None:
    (entry,) = models_to_translate(CATALOGUE, name=str(tmp_path), target="it", source="en")
    assert entry.path == str(tmp_path)
    assert list(entry.pairs) == [("en", "it")]


def test_a_folder_does_not_say_from_which_language_it_translates(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--from is needed"):
        models_to_translate(CATALOGUE, name=str(tmp_path), target="it", source=None)


def test_a_model_that_is_nowhere_is_named_with_those_there_are() -> None:
    expected = r"none is neither .* \(a, b, s, t\) nor a folder nor .* hub \(owner/name\)"
    with pytest.raises(UsageError, match=expected):
        models_to_translate(CATALOGUE, name="none", target="de", source="en")


def test_a_model_of_the_other_task_is_refused() -> None:
    with pytest.raises(UsageError, match="s is not made for translation"):
        models_to_translate(CATALOGUE, name="s", target="de", source="en")


@pytest.mark.parametrize(
    ("name", "style", "names"),
    [
        pytest.param(None, None, ["s"], id="the first"),
        pytest.param(None, "headline", ["t"], id="the first with the style"),
        pytest.param("t", "tldr", ["t"], id="the named one"),
        pytest.param(None, "haiku", ["s", "t"], id="none fits: the error names their styles"),
    ],
)
def test_only_the_summarizer_that_the_style_needs_is_loaded(
    name: str | None, style: str | None, names: list[str]
) -> None:
    entries = models_to_summarize(CATALOGUE, name=name, style=style)
    assert [entry.name for entry in entries] == names


@pytest.mark.parametrize(("style", "styles"), [(None, ()), ("tldr", ("tldr",))])
def test_a_folder_with_a_summarizer_is_taken_to_have_the_style(
    tmp_path: Path, style: str | None, styles: tuple[str, ...]
) -> None:
    (entry,) = models_to_summarize(CATALOGUE, name=str(tmp_path), style=style)
    assert (entry.tasks, entry.path, entry.styles) == (("summarization",), str(tmp_path), styles)


def test_a_catalogue_without_a_summarizer_offers_no_summaries() -> None:
    with pytest.raises(TaskNotServedError, match="summarization"):
        models_to_summarize(TRANSLATORS_ALONE, name=None, style=None)


def test_a_hub_id_may_stand_for_a_model_with_a_revision_or_without() -> None:
    (entry,) = models_to_translate(CATALOGUE, name="x/y@v1", target="de", source="en")
    assert (entry.name, entry.path, entry.revision) == ("x/y", "x/y", "v1")
    (entry,) = models_to_summarize(CATALOGUE, name="x/y", style=None)
    assert (entry.path, entry.revision) == ("x/y", None)


def test_a_folder_that_is_not_there_is_not_taken_for_a_hub(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"there is no folder {tmp_path / 'none'}"):
        undescribed(CATALOGUE, str(tmp_path / "none"), task="summarization")


@pytest.mark.parametrize("name", ["my model", ".hidden", "v1.0", "ä"])
def test_a_folder_of_any_name_may_stand_for_a_model(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    entry = undescribed(CATALOGUE, str(tmp_path / name), task="summarization")
    assert entry.path == str(tmp_path / name)


HUB_CATALOGUE = Catalogue.model_validate(
    {
        "models": [
            {"name": "h", "path": "x/y", "task": "translation", "pairs": ["en-de"]},
            {
                "name": "v",
                "path": "x/y",
                "revision": "v1",
                "task": "translation",
                "pairs": ["en-fr"],
            },
        ]
    }
)


@pytest.mark.parametrize(
    ("name", "found"),
    [("h", "h"), ("v", "v"), ("x/y", "h"), ("x/y@v1", "v"), ("x/y@v2", None), ("x/z", None)],
)
def test_a_model_is_found_by_its_name_or_by_its_files(name: str, found: str | None) -> None:
    entry = entry_of(HUB_CATALOGUE, name)
    assert (entry and entry.name) == found


def test_a_folder_of_the_catalogue_is_found_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "opus").mkdir()
    entry = {"name": "f", "path": str(tmp_path / "opus"), "task": "translation", "pairs": ["en-de"]}
    catalogue = Catalogue.model_validate({"models": [entry]})
    monkeypatch.chdir(tmp_path)
    assert entry_of(catalogue, "./opus") == entry_of(catalogue, "f") is not None
    (found,) = models_to_translate(catalogue, name="opus", target="de", source=None)
    assert found.name == "f"


def test_files_that_the_catalogue_has_for_another_task_may_be_asked_for_this_one() -> None:
    (entry,) = models_to_summarize(HUB_CATALOGUE, name="x/y", style=None)
    assert (entry.name, entry.tasks) == ("x/y", ("summarization",))
    with pytest.raises(UsageError, match="h is not made for summarization"):
        models_to_summarize(HUB_CATALOGUE, name="h", style=None)


def test_what_is_on_this_machine_is_left_as_it_is() -> None:
    entries = load_catalogue().models
    assert on_this_machine(entries, Settings()) == entries


def test_a_model_that_is_still_on_its_hub_is_told_how_to_get(tmp_path: Path) -> None:
    settings = Settings(cache_folder=tmp_path)
    with pytest.raises(CommandError, match="`dragoman models pull x/y@v1` downloads it"):
        source_here(HUB_CATALOGUE.models[1], settings)
