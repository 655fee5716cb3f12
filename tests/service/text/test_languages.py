"""Language codes in every spelling, and the language of a text among those served."""

import pytest

from service.text.languages import Detection, Detector, name_of, resolve

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
    ("text", "language"),
    [
        pytest.param("Where is the train station?", "en", id="en"),
        pytest.param("Guten Morgen, wie geht es dir?", "de", id="de"),
        pytest.param("J'aime le café du matin.", "fr", id="fr"),
        pytest.param("¿Dónde está la estación?", "es", id="es"),
        pytest.param("1" * 3_000 + " Guten Morgen, wie geht es dir?", "de", id="after numbers"),
    ],
)
def test_a_sentence_is_recognised(text: str, language: str) -> None:
    assert Detector(lambda: SERVED).detect(text).language == language


def test_only_served_languages_are_found() -> None:
    assert Detector(lambda: ("en", "de")).detect("¿Dónde está la estación?").language in {
        "en",
        "de",
    }


@pytest.mark.parametrize("text", ["", " \n", "12.5 %", "🙂", "https://de.example.com/", "a@b.es"])
def test_a_text_without_words_has_no_language(text: str) -> None:
    assert Detector(lambda: SERVED).detect(text) == Detection(None, 0.0)


def test_letters_that_tell_nothing_give_the_first_language_without_confidence() -> None:
    assert Detector(lambda: SERVED).detect("OK") == Detection("en", 0.0)


def test_two_detectors_do_not_disturb_each_other() -> None:
    wide, narrow = Detector(lambda: SERVED), Detector(lambda: ("fr", "es"))
    narrow.detect("Bonjour tout le monde")
    assert wide.detect("Guten Morgen, wie geht es dir?").language == "de"


def test_a_script_variant_is_found_by_its_language() -> None:
    assert (
        Detector(lambda: ("eng_Latn", "deu_Latn")).detect("Where is the train?").language
        == "eng_Latn"
    )


@pytest.mark.parametrize(("served", "found"), [(("en",), "en"), ((), None)])
def test_with_fewer_than_two_languages_there_is_nothing_to_detect(
    served: tuple[str, ...], found: str | None
) -> None:
    detector = Detector(lambda: served)
    detector.load()
    assert detector.detect("Guten Morgen").language == found
