"""Language codes in every spelling, and the names of languages."""

import pytest

from service.text.languages import group_code, name_of, resolve

SERVED = ("en", "de", "fr", "es")


@pytest.mark.parametrize("code", ["de", "DE", "de-AT", "deu_Latn", "deu", "de_DE"])
def test_every_spelling_of_german_finds_german(code: str) -> None:
    assert resolve(code, SERVED) == "de"


@pytest.mark.parametrize("code", ["xx", "nl", "german", "", "de de", "d" * 400, "\x00"])
def test_what_is_not_served_finds_nothing(code: str) -> None:
    assert resolve(code, SERVED) is None


@pytest.mark.parametrize(
    ("code", "found"),
    [("zh-TW", "zho_Hant"), ("zh-CN", "zho_Hans"), ("zh", "zho_Hans"), ("zho_Hant", "zho_Hant")],
)
def test_of_two_scripts_the_one_of_the_region_is_found(code: str, found: str) -> None:
    assert resolve(code, ("zho_Hans", "zho_Hant")) == found


def test_a_language_has_its_english_name() -> None:
    assert [name_of(c) for c in ("de", "zho_Hant", "xx")] == [
        "German",
        "Chinese (Traditional)",
        "xx",
    ]


@pytest.mark.parametrize(
    ("code", "group"),
    [
        ("nb", "no"),
        ("zsm_Latn", "ms"),
        ("yue_Hant", "zh"),
        ("en", "en"),
        ("zho_Hant", "zh"),
        ("", None),
    ],
)
def test_a_language_has_the_code_of_its_group(code: str, group: str | None) -> None:
    assert group_code(code) == group
