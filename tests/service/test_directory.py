"""Which model takes a request: the first of the catalogue that fits."""

from dataclasses import replace

import pytest

from service.directory import Directory
from service.errors import TaskNotServedError, UnsupportedPairError
from tests.fakes import SUMMARIZER, TRANSLATOR

TO_DE = replace(TRANSLATOR, name="to-de", pairs=(("en", "de"),))
TO_ALL = replace(TRANSLATOR, name="to-all", pairs=(("en", "de"), ("en", "fr"), ("fr", "en")))
DIRECTORY = Directory([TO_DE, TO_ALL])


@pytest.mark.parametrize(
    ("target", "name"), [("de", "to-de"), ("fr", "to-all")], ids=["both", "one"]
)
def test_the_first_model_for_the_pair_takes_it(target: str, name: str) -> None:
    among = DIRECTORY.translators(None)
    assert DIRECTORY.for_pair("en", target, among=among, detected=False).name == name


def test_a_named_model_is_taken_even_if_another_comes_first() -> None:
    among = DIRECTORY.translators("to-all")
    assert DIRECTORY.for_pair("en", "de", among=among, detected=False).name == "to-all"


def test_a_named_model_must_have_the_pair_itself() -> None:
    among = DIRECTORY.translators("to-de")
    with pytest.raises(UnsupportedPairError, match="the pairs are en-de"):
        DIRECTORY.for_pair("en", "fr", among=among, detected=False)


def test_languages_are_sources_first() -> None:
    assert DIRECTORY.languages == ("en", "fr", "de")
    assert DIRECTORY.targets("en") == ("de", "fr")
    assert DIRECTORY.targets("de") == ()


def test_the_first_model_with_the_style_takes_it() -> None:
    other = replace(SUMMARIZER, name="other", styles=("tldr", "long"))
    directory = Directory([SUMMARIZER, other])
    assert directory.summarizer(None, "long").name == "other"
    assert directory.summarizer(None, "tldr").name == "fake/summarize"
    assert directory.summarizer(None, None).name == "fake/summarize"


def test_an_empty_catalogue_translates_nothing() -> None:
    with pytest.raises(TaskNotServedError, match="translation"):
        Directory([]).translators(None)
