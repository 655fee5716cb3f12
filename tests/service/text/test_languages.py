"""Language codes in every spelling, and the names of languages."""

import tracemalloc

import pytest

from service.text.languages import group_code, name_of, resolve

SERVED = ("en", "de", "fr", "es")


@pytest.mark.parametrize("code", ["de", "DE", "de-AT", "deu_Latn", "deu", "de_DE"])
def test_every_spelling_of_german_finds_german(code: str) -> None:
    assert resolve(code, SERVED) == "de"


@pytest.mark.parametrize("code", ["xx", "nl", "german", "", "de de", "d" * 400, "\x00"])
def test_what_is_not_served_finds_nothing(code: str) -> None:
    assert resolve(code, SERVED) is None


def test_what_clients_send_in_place_of_a_code_is_not_kept() -> None:
    tracemalloc.start()
    try:
        for number in range(50):
            assert resolve(f"{number}-{'x' * 100_000}", SERVED) is None
        assert tracemalloc.get_traced_memory()[0] < 200_000
    finally:
        tracemalloc.stop()


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


NLLB = ("arz_Arab", "arb_Arab", "pes_Arab", "nob_Latn", "swh_Latn", "deu_Latn")


@pytest.mark.parametrize(
    ("code", "served", "found"),
    [
        ("ar", NLLB, "arb_Arab"),
        ("ar-EG", NLLB, "arb_Arab"),
        ("fa", NLLB, "pes_Arab"),
        ("no", NLLB, "nob_Latn"),
        ("sw", NLLB, "swh_Latn"),
        ("arb_Arab", ("ar", "de"), "ar"),
        ("nb", ("no", "de"), "no"),
        ("acm", NLLB, None),  # another member of the group
        ("nl", NLLB, None),
    ],
)
def test_a_group_finds_its_member_and_a_member_its_group(
    code: str, served: tuple[str, ...], found: str | None
) -> None:
    assert resolve(code, served) == found
