"""The language that each text of a request is taken to be in, and the model for it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import DetectedPairError, LanguageNotServedError
from service.tasks.registry import ModelRegistry
from service.tasks.sources import Source, Surroundings, detected_sources
from service.text.detection import Detection, Detector
from tests.support.service.clients import client_of, refusal, translate
from tests.support.service.fakes import TRANSLATOR, FakeBackend

SERVED = ("en", "de", "fr", "es")


class GuessingDetector(Detector):
    """Finds what it is told in a text: shares of languages, or a language that is not served."""

    def __init__(self, guesses: Mapping[str, Mapping[str, float] | str]) -> None:
        super().__init__(lambda: SERVED)
        self._guesses = guesses

    def detect(self, text: str) -> Detection:
        guess = self._guesses[text]
        if isinstance(guess, str):
            return Detection(guess, 1.0, is_served=False)
        shares = {lang: guess.get(lang, 0.0) for lang in SERVED}
        best = max(shares, key=shares.__getitem__)
        return Detection(best, shares[best], shares=shares)


def sources(
    texts: Sequence[str],
    target: str,
    *,
    guesses: Mapping[str, Mapping[str, float] | str] | None = None,
    around: Surroundings | None = None,
) -> tuple[Source, ...]:
    return detected_sources(
        texts,
        target,
        among=[TRANSLATOR],
        registry=ModelRegistry(lambda: [TRANSLATOR]),
        detector=Detector(lambda: SERVED) if guesses is None else GuessingDetector(guesses),
        around=around,
    )


def langs(texts: Sequence[str], target: str, **kwargs: Any) -> list[str]:
    return [source.lang for source in sources(texts, target, **kwargs)]


@pytest.mark.parametrize(
    ("texts", "target", "found"),
    [
        (["Good morning, everybody.", "Save", "Cancel"], "fr", ["en", "en", "en"]),
        (["I am here.", "dog"], "fr", ["en", "en"]),
        (["Der Hund schläft.", "Brand", "Gift"], "en", ["de", "de", "de"]),
        (["Je suis ici.", "Date", "Menu"], "en", ["fr", "fr", "fr"]),
        (
            ["Das ist ein Haus.", "Où est la gare de Lyon ?", "Soy yo"],
            "en",
            ["de", "fr", "es"],
        ),
    ],
)
def test_a_word_is_in_the_language_of_the_sentences_around_it(
    texts: list[str], target: str, found: list[str]
) -> None:
    assert langs(texts, target) == found


def test_the_sentences_around_a_word_count_by_their_letters() -> None:
    guesses = {
        "ein kurzer": {"de": 1.0},
        "une phrase beaucoup plus longue": {"fr": 1.0},
        "mot": {"de": 0.5, "fr": 0.45},
    }
    assert langs(list(guesses), "en", guesses=guesses) == ["de", "fr", "fr"]
    assert langs(["ein kurzer", "mot"], "en", guesses=guesses) == ["de", "de"]


@pytest.mark.parametrize("word", ["Bonjour", "Schmetterling", "Hund"])
def test_a_word_never_fails_a_request(word: str) -> None:
    """No model translates French or German to German or Spanish."""
    assert langs([word, "Good morning, everybody."], "es") == ["en", "en"]
    assert langs([word, "dog"], "es")[0] == "en"
    assert langs([word], "es") == ["en"]


def test_a_sentence_among_others_that_no_model_translates_is_named() -> None:
    texts = ["Good morning, everybody.", "Où est la gare de Lyon ?"]
    with pytest.raises(DetectedPairError, match=r"`text\[1\]` is detected to be in French, and"):
        sources(texts, "de")


def test_a_text_alone_is_named_without_a_number() -> None:
    with pytest.raises(DetectedPairError, match="`text` is detected to be in French"):
        sources(["Où est la gare de Lyon ?"], "de")


@pytest.mark.parametrize(
    ("shares", "target", "found"),
    [
        pytest.param({"en": 0.6, "fr": 0.4}, "fr", "en", id="leads to the target"),
        pytest.param({"en": 0.3, "de": 0.55}, "fr", "en", id="leads nowhere, unsure"),
        pytest.param({"en": 0.3, "fr": 0.7}, "fr", "en", id="the target, unsure"),
        pytest.param({"en": 0.1, "fr": 0.9}, "fr", "fr", id="the target, surer"),
        pytest.param({}, "fr", "en", id="nothing known"),
        pytest.param({"es": 0.4, "fr": 0.6}, "en", "fr", id="several lead to the target"),
    ],
)
def test_a_guess_counts_less_where_it_leads_to_no_translation(
    shares: dict[str, float], target: str, found: str
) -> None:
    assert langs(["word"], target, guesses={"word": shares}) == [found]


def test_a_text_in_the_target_language_is_its_own_answer() -> None:
    (source,) = sources(["Das ist ja wunderbar."], "de")
    assert source == Source(lang="de", detected=True, model=TRANSLATOR, is_answer=True)


def test_a_text_without_words_has_the_first_language_that_leads_to_the_target() -> None:
    assert langs(["12:30", "Das ist ja wunderbar."], "en") == ["de", "de"]
    assert langs(["12:30"], "de") == ["en"]


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["Dzień dobry, jak się masz?"], "`text` is detected to be in Polish, which is not served"),
        (["I am here.", "Buongiorno, come stai oggi?"], "`text[1]` is detected to be in Italian"),
    ],
)
def test_a_language_that_is_not_served_is_named_with_its_text(texts: list[str], name: str) -> None:
    with pytest.raises(LanguageNotServedError) as caught:
        sources(texts, "en")
    assert name in str(caught.value)
    assert "the languages served are English, German, French, Spanish" in str(caught.value)


def test_over_http_it_is_a_422_that_a_given_language_avoids() -> None:
    body = {"text": ["你好世界。今天天气很好。"], "target_lang": "en"}
    status, code, sentence = refusal(client_of(), "/v1/translate", body)
    assert (status, code) == (422, "language_not_served")
    assert sentence.startswith("`text` is detected to be in Chinese, which is not served")
    answer = translate(client_of(), ["你好世界。"], target_lang="en", source_lang="fr")
    assert not answer["translations"][0]["detected"]


def test_detection_names_a_language_that_is_not_served() -> None:
    body = {"text": ["Dzień dobry, jak się masz?", "Guten Morgen, wie geht es dir?"]}
    found = client_of(FakeBackend()).post("/v1/detect", json=body).json()["detections"]
    assert [each["language"] for each in found] == ["pl", "de"]


def test_texts_that_come_one_by_one_remember_the_language_of_those_before() -> None:
    around = Surroundings()
    assert langs(["Der Hund schläft heute sehr lange."], "en", around=around) == ["de"]
    assert langs(["Gift"], "en", around=around) == ["de"]
    assert langs(["Bonjour"], "es", around=around) == ["en"]


def test_only_the_latest_texts_are_remembered() -> None:
    around = Surroundings()
    assert around.shares() == {}
    for _ in range(200):
        around.add("de", "lang")
    around.add("fr", "long")
    assert around.shares() == {"de": 127 / 128, "fr": 1 / 128}


@given(
    st.lists(st.fixed_dictionaries(dict.fromkeys(SERVED, st.floats(0, 1))), min_size=2, max_size=6),
    st.sampled_from(SERVED),
)
def test_a_list_of_words_always_has_sources(shares: list[dict[str, float]], target: str) -> None:
    texts = [f"word{i}" for i in range(len(shares))]
    found = sources(texts, target, guesses=dict(zip(texts, shares, strict=True)))
    for source in found:
        assert source.is_answer == (source.lang == target)
        assert source.is_answer or (source.lang, target) in source.model.pairs
