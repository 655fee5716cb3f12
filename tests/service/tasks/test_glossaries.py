import re

import pytest

from service.errors import InvalidFieldError
from service.tasks.glossaries import check_pair, named_glossary
from service.text.glossary import Glossary

PRODUCT = Glossary((), name="product", pair=("en", "de"))


def test_a_glossary_is_found_by_its_name() -> None:
    assert named_glossary("product", {"product": PRODUCT}) is PRODUCT


def test_an_unknown_name_is_told_the_names_there_are() -> None:
    sentence = re.escape("`glossary` is 'prod'; the glossaries are product, legal")
    with pytest.raises(InvalidFieldError, match=sentence):
        named_glossary("prod", {"product": PRODUCT, "legal": PRODUCT})


@pytest.mark.parametrize(
    ("source", "target"), [("en", "de"), ("en-GB", "de-AT"), ("eng", "deu_Latn")]
)
def test_a_glossary_is_for_its_pair_in_any_region(source: str, target: str) -> None:
    check_pair(PRODUCT, source, target, detected=False)


def test_a_glossary_of_a_request_is_for_any_pair() -> None:
    check_pair(Glossary(()), "fr", "es", detected=True)


@pytest.mark.parametrize(
    ("source", "target", "detected", "end"),
    [
        ("de", "en", False, "not for de-en"),
        ("en", "fr", False, "not for en-fr"),
        ("fr", "de", True, "not for fr-de (source detected; `source_lang` overrides that)"),
    ],
)
def test_another_pair_is_told_which_one_the_glossary_is_for(
    source: str, target: str, *, detected: bool, end: str
) -> None:
    with pytest.raises(InvalidFieldError) as raised:
        check_pair(PRODUCT, source, target, detected=detected)

    assert str(raised.value) == f"`glossary` is 'product', which is for en-de, {end}"
