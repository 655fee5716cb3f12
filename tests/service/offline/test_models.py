from pathlib import Path

import pytest

from service.catalogue import Catalogue
from service.errors import TaskNotServedError
from service.offline.models import models_to_summarize, models_to_translate
from service.terminal import UsageError

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
    assert entry.folder() == tmp_path
    assert entry.pairs == (("en", "it"),)


def test_a_folder_does_not_say_from_which_language_it_translates(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--from is needed"):
        models_to_translate(CATALOGUE, name=str(tmp_path), target="it", source=None)


def test_a_model_that_is_nowhere_is_named_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"none is neither .* \(a, b, s, t\) nor a folder"):
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
    assert (entry.task, entry.folder(), entry.styles) == ("summarization", tmp_path, styles)


def test_a_catalogue_without_a_summarizer_offers_no_summaries() -> None:
    with pytest.raises(TaskNotServedError, match="summarization"):
        models_to_summarize(TRANSLATORS_ALONE, name=None, style=None)
