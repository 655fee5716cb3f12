"""Which model takes a request: the default for it, or the first of the catalogue that fits."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace

import pytest

from model.errors import UnsupportedTaskError
from service.backend import ModelInfo
from service.errors import (
    InvalidFieldError,
    ModelNotFoundError,
    TaskNotServedError,
    UnknownLanguageError,
    UnsupportedPairError,
)
from service.pairs import Pairs
from service.tasks.registry import ModelRegistry
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR

TO_DE = replace(TRANSLATOR, name="to-de", pairs=Pairs.of([("en", "de")]))
TO_ALL = replace(
    TRANSLATOR, name="to-all", pairs=Pairs.of([("en", "de"), ("en", "fr"), ("fr", "en")])
)
BOTH = replace(TO_ALL, name="both", tasks=("translation", "summarization"))
CODES = tuple(f"{a}{b}{c}" for a in "abcdef" for b in "abcdef" for c in "abcdef")[:200]
MANY = replace(TRANSLATOR, name="many", pairs=Pairs.between(CODES, CODES))


def directory_of(*models: ModelInfo) -> ModelRegistry:
    return ModelRegistry(lambda: models)


def taken(directory: ModelRegistry, pair: str, *, name: str | None = None) -> str:
    """The name of the model that a pair is given to."""
    source, target = pair.split("-")
    among = directory.translators(name)
    return directory.for_pair(source, target, among=among).name


@pytest.mark.parametrize(
    ("pair", "name"), [("en-de", "to-de"), ("en-fr", "to-all")], ids=["both", "one"]
)
def test_the_first_model_for_the_pair_takes_it(pair: str, name: str) -> None:
    assert taken(directory_of(TO_DE, TO_ALL), pair) == name


def test_a_named_model_is_taken_even_if_another_comes_first() -> None:
    assert taken(directory_of(TO_DE, TO_ALL), "en-de", name="to-all") == "to-all"


def test_a_named_model_must_have_the_pair_itself() -> None:
    with pytest.raises(UnsupportedPairError, match="en is translated to de, and none to fr"):
        taken(directory_of(TO_DE, TO_ALL), "en-fr", name="to-de")


@pytest.mark.parametrize(
    ("name", "only"),
    [("to-de", ("en", "de")), ("to-all", (None, None)), (None, (None, None))],
    ids=["one pair", "several", "of all models"],
)
def test_a_language_that_all_pairs_have_goes_without_saying(
    name: str | None, only: tuple[str | None, str | None]
) -> None:
    assert directory_of(TO_DE, TO_ALL).only_languages(name) == only


def test_a_model_is_found_by_its_name_whatever_its_task() -> None:
    directory = directory_of(TO_DE, SUMMARIZER)
    assert [directory.named(each.name) for each in (TO_DE, SUMMARIZER)] == [TO_DE, SUMMARIZER]
    with pytest.raises(ModelNotFoundError, match=r"'gone'; .* to-de, fake/summarize"):
        directory.named("gone")


def test_a_model_that_is_not_served_or_not_made_for_the_task_is_refused_by_name() -> None:
    directory = directory_of(TO_DE, SUMMARIZER)
    with pytest.raises(ModelNotFoundError, match=r"'gone'; .* to-de, fake/summarize"):
        directory.translators("gone")
    with pytest.raises(UnsupportedTaskError, match="to-de is made for translation, not for summ"):
        directory.summarizer("to-de", None)


def test_the_default_for_the_pair_goes_before_that_for_the_task() -> None:
    for_task = replace(TO_ALL, name="for-task", default_for=("translation",))
    for_pair = replace(TO_ALL, name="for-pair", default_for=("en-de",))
    directory = directory_of(TO_DE, for_task, for_pair)
    assert taken(directory, "en-de") == "for-pair"
    assert taken(directory, "en-fr") == "for-task"


def test_a_default_takes_no_pair_that_it_has_not() -> None:
    for_task = replace(TO_DE, name="for-task", default_for=("translation", "en-fr"))
    assert taken(directory_of(TO_ALL, for_task), "en-fr") == "to-all"


def test_a_model_that_could_not_be_loaded_is_taken_only_if_no_other_fits() -> None:
    failed = replace(TO_ALL, name="failed", state="failed", default_for=("translation", "en-de"))
    directory = directory_of(failed, TO_DE)
    assert taken(directory, "en-de") == "to-de"
    assert taken(directory, "en-fr") == "failed"
    assert taken(directory, "en-de", name="failed") == "failed"


def test_a_model_that_is_not_loaded_yet_is_taken_like_any_other() -> None:
    lazy = replace(TO_ALL, name="lazy", state="not_loaded")
    assert taken(directory_of(lazy, TO_DE), "en-de") == "lazy"


def test_a_model_that_is_not_offered_yet_is_listed_and_nothing_else() -> None:
    directory = directory_of(TO_DE, replace(TO_ALL, is_offered=False, default_for=("en-de",)))
    assert [model.name for model in directory.models] == ["to-de", "to-all"]
    assert taken(directory, "en-de") == "to-de"
    assert directory.languages == ("en", "de")
    with pytest.raises(ModelNotFoundError):
        directory.translators("to-all")


def test_languages_are_sources_first() -> None:
    directory = directory_of(TO_DE, TO_ALL)
    assert directory.languages == ("en", "fr", "de")
    assert directory.targets("en") == ("de", "fr")
    assert directory.targets("de") == ()


def test_the_first_model_with_the_style_takes_it() -> None:
    other = replace(SUMMARIZER, name="other", styles=("tldr", "long"))
    directory = directory_of(SUMMARIZER, other)
    assert directory.summarizer(None, "long").name == "other"
    assert directory.summarizer(None, "tldr").name == "fake/summarize"
    assert directory.summarizer(None, None).name == "fake/summarize"
    with pytest.raises(InvalidFieldError, match="the styles are headline, tldr, long"):
        directory.summarizer(None, "haiku")


def test_the_default_summarizer_goes_before_the_first_with_the_style() -> None:
    default = replace(SUMMARIZER, name="default", styles=("tldr",), default_for=("summarization",))
    directory = directory_of(SUMMARIZER, default)
    assert directory.summarizer(None, None).name == "default"
    assert directory.summarizer(None, "tldr").name == "default"
    assert directory.summarizer(None, "headline").name == "fake/summarize"


def test_a_model_of_two_tasks_is_found_for_both() -> None:
    directory = directory_of(BOTH)
    assert taken(directory, "en-de") == "both"
    assert directory.summarizer(None, None).name == "both"


def test_an_empty_catalogue_translates_nothing() -> None:
    with pytest.raises(TaskNotServedError, match="translation"):
        directory_of().translators(None)


def test_models_that_come_and_go_are_seen_at_once() -> None:
    served: Sequence[ModelInfo] = (TO_DE,)
    directory = ModelRegistry(lambda: served)
    with pytest.raises(UnknownLanguageError):
        directory.language("target_lang", "fr")
    served = (TO_DE, TO_ALL)
    assert directory.language("target_lang", "fr") == "fr"
    assert taken(directory, "en-fr") == "to-all"
    served = (TO_ALL,)
    assert taken(directory, "en-de") == "to-all"
    assert [model.name for model in directory.models] == ["to-all"]


def test_a_code_that_is_served_means_itself_and_any_other_the_nearest() -> None:
    directory = directory_of(replace(TO_DE, pairs=Pairs.of([("en", "zh_Hans"), ("en", "de")])))
    assert directory.language("target_lang", "zh_Hans") == "zh_Hans"
    assert directory.language("target_lang", "de-AT") == "de"
    with pytest.raises(UnknownLanguageError, match="`target_lang` is 'nl'"):
        directory.language("target_lang", "nl")


def test_two_hundred_languages_take_the_memory_of_their_names_not_of_their_pairs() -> None:
    tracemalloc.start()
    try:
        directory = directory_of(MANY)
        assert taken(directory, f"{CODES[3]}-{CODES[199]}") == "many"
        assert directory.targets(CODES[0]) == CODES[1:]
        with pytest.raises(UnsupportedPairError, match=r"and 187 more to "):
            taken(directory, f"{CODES[3]}-{CODES[3]}")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1_000_000  # 39,800 pairs would take four times as much
