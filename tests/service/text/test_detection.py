"""The language of a text: among those served, or clearly none of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.detection import Detection, Detector

SERVED = ("en", "de", "fr", "es")


def detect(text: str, served: tuple[str, ...] = SERVED) -> Detection:
    return Detector(lambda: served).detect(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        pytest.param("Where is the train station?", "en", id="en"),
        pytest.param("Guten Morgen, wie geht es dir?", "de", id="de"),
        pytest.param("J'aime le café du matin.", "fr", id="fr"),
        pytest.param("¿Dónde está la estación?", "es", id="es"),
        pytest.param("1" * 3_000 + " Guten Morgen, wie geht es dir?", "de", id="after numbers"),
        pytest.param("WHERE IS THE TRAIN STATION?", "en", id="in capitals"),
    ],
)
def test_a_sentence_is_recognised(text: str, language: str) -> None:
    found = detect(text)
    assert (found.language, found.is_served) == (language, True)


@pytest.mark.parametrize(
    ("word", "language"), [("hours", "en"), ("Apfel", "de"), ("pensées", "fr"), ("niñas", "es")]
)
def test_a_word_alone_is_recognised_by_how_it_begins_and_ends(word: str, language: str) -> None:
    assert detect(word).language == language


def test_the_shares_are_those_of_the_served_languages_and_are_one_together() -> None:
    found = detect("Where is the train station?")
    assert set(found.shares) == set(SERVED)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.shares["en"] == found.confidence == max(found.shares.values())


@pytest.mark.parametrize("text", ["", " \n", "12.5 %", "🙂", "https://de.example.com/", "a@b.es"])
def test_a_text_without_words_has_no_language(text: str) -> None:
    assert detect(text) == Detection(None, 0.0)


def test_many_names_in_a_foreign_script_are_no_text() -> None:
    assert detect("Иван Петров " * 100).is_served


def test_two_detectors_do_not_disturb_each_other() -> None:
    wide, narrow = Detector(lambda: SERVED), Detector(lambda: ("fr", "es"))
    narrow.detect("Bonjour tout le monde")
    assert wide.detect("Guten Morgen, wie geht es dir?").language == "de"


@pytest.mark.parametrize(
    ("text", "served", "found"),
    [
        pytest.param("Where is the train?", ("eng_Latn", "deu_Latn"), "eng_Latn", id="script"),
        pytest.param("Hvor er toget til Bergen i dag?", ("en", "nb"), "nb", id="group"),
        pytest.param(
            "火车十分钟后开往上海。", ("en", "zho_Hans", "zho_Hant"), "zho_Hans", id="both"
        ),
    ],
)
def test_a_variant_is_found_by_its_language(text: str, served: tuple[str, ...], found: str) -> None:
    assert detect(text, served).language == found


@pytest.mark.parametrize(
    ("text", "language"),
    [
        pytest.param("Dzień dobry, jak się masz?", "pl", id="pl"),
        pytest.param("Buongiorno, come stai oggi?", "it", id="it"),
        pytest.param("Goedemorgen, hoe gaat het met je?", "nl", id="nl"),
        pytest.param("Bom dia, como você está hoje?", "pt", id="pt"),
        pytest.param("Tåget till Göteborg går om tio minuter.", "sv", id="sv"),
        pytest.param("Поезд в Москву отправляется через десять минут.", "ru", id="ru"),
        pytest.param("Доброго ранку, як справи?", "uk", id="uk"),
        pytest.param("你好世界。今天天气很好。", "zh", id="zh"),
        pytest.param("鍵をどこに置いたか分かりません。", "ja", id="ja"),
        pytest.param("열쇠를 어디에 두었는지 모르겠어요.", "ko", id="ko"),
        pytest.param("لا أعرف أين وضعت مفاتيحي.", "ar", id="ar"),
        pytest.param("אני לא יודע איפה שמתי את המפתחות.", "he", id="he"),
        pytest.param("दिल्ली की ट्रेन दस मिनट में छूटेगी।", "hi", id="hi"),
        pytest.param("ฉันไม่รู้ว่าวางกุญแจไว้ที่ไหน", "th", id="th"),
        pytest.param("Tôi không biết mình để chìa khóa ở đâu.", "vi", id="vi"),
        pytest.param("Ankara treni on dakika sonra kalkacak.", "tr", id="tr"),
        pytest.param("POCIĄG DO KRAKOWA ODJEŻDŻA O ÓSMEJ RANO.", "pl", id="in capitals"),
    ],
)
def test_a_text_of_a_language_that_is_not_served_is_known_as_such(text: str, language: str) -> None:
    found = detect(text)
    assert (found.language, found.is_served, found.shares) == (language, False, {})
    assert found.confidence > 0.5


@pytest.mark.parametrize("served", [SERVED, ("en",)])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Zdzisława Sośnicka", id="name"),
        pytest.param("Nguyễn Văn An", id="name of three words"),
        pytest.param("Universidade de São Paulo", id="institution"),
        pytest.param("Kraków", id="place"),
        pytest.param("你好", id="two letters"),
        pytest.param("Oh là là", id="short"),
        pytest.param("Hakuna matata", id="two words"),
        pytest.param("hahaha", id="laughter"),
        pytest.param("GG WP", id="abbreviation"),
        pytest.param("Say שלום to him.", id="word in another script"),
        pytest.param("Hello 世界", id="half in another script"),
        pytest.param('The menu "設定 > 言語 > 追加" is in Japanese.', id="names in another script"),
        pytest.param("He talked about the Università degli Studi di Milano.", id="name inside"),
        pytest.param("kubectl get pods -n kube-system", id="command"),
    ],
)
def test_names_short_texts_and_mixed_ones_are_of_a_served_language(
    text: str, served: tuple[str, ...]
) -> None:
    assert detect(text, served).is_served


def test_letters_of_another_script_do_not_hide_the_language_of_the_others() -> None:
    assert detect("Der Film heißt 千と千尋の神隠し.").language == "de"


def test_a_text_in_another_language_of_a_served_group_is_taken_for_that_of_the_group() -> None:
    cantonese = "我哋聽日會去睇戲。佢哋而家喺邊度呀。"
    assert detect(cantonese, ("en", "zh")).language == "zh"
    assert detect(cantonese, ("en", "de")).language == "zh"
    assert not detect(cantonese, ("en", "de")).is_served


def test_a_language_that_the_identifier_does_not_know_may_be_that_of_any_text() -> None:
    """Tok Pisin is served here, and its texts are taken for those of other languages."""
    assert detect("Dzień dobry, jak się masz?", (*SERVED, "tpi")).is_served


@pytest.mark.parametrize(("served", "found"), [(("en",), "en"), ((), None), (("tpi",), "tpi")])
def test_with_fewer_than_two_languages_there_is_nothing_to_choose(
    served: tuple[str, ...], found: str | None
) -> None:
    detector = Detector(lambda: served)
    detector.load()
    assert detector.detect("Guten Morgen").language == found


def test_of_a_single_language_nothing_is_sure_about_a_text_in_another() -> None:
    assert detect("Where is the train station?", ("en",)).confidence > 0.9
    assert detect("Guten Morgen", ("en",)).confidence < 0.1


@given(st.text(max_size=60), st.sampled_from([SERVED, ("en",), ("de", "zh"), ("tpi", "en"), ()]))
def test_any_text_has_a_served_language_or_a_named_one(text: str, served: tuple[str, ...]) -> None:
    found = detect(text, served)
    assert 0 <= found.confidence <= 1
    if found.is_served:
        assert found.language is None or found.language in served
        assert sum(found.shares.values()) == pytest.approx(1 if found.shares else 0)
    else:
        assert found.language is not None
        assert found.language not in served
