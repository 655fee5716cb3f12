"""Quality of the bundled translator in all six directions, as users notice it first.

A model of its size makes mistakes, so some tests have a bound: the measured value and a margin.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model.engine.params import GenerationParams
from model.load import BUNDLED, load_model
from model.tokenizer.prompt import Translation
from model.training.decoding import decode_all

UNSEEN = Path(__file__).with_name("unseen.txt")
LEAST_KEPT = 0.9  # of the names, numbers and codes of `UNSEEN`
LEAST_ADDRESSES = 4  # of `ADDRESSES`
MOST_UNEVEN = 1  # of the paragraphs that may gain or lose a sentence

Sentence = tuple[str, str]  # the language to translate into, and the text
Translate = Callable[[list[Sentence]], list[str]]

PARAGRAPHS: list[Sentence] = [
    ("de", "Good morning. I slept very well. Where is the bus stop? We have to go now."),
    ("fr", "She is at home. The door is open. Can you see the dog? It is very big."),
    ("es", "I am hungry. Is there any bread? My sister has eaten everything. Let's go out."),
    ("en", "Ich bin müde. Wo ist mein Bett? Das Licht ist noch an. Gute Nacht."),
    ("en", "Il fait froid. Avez-vous un manteau ? Nous partons demain. Merci beaucoup."),
    ("en", "No tengo tiempo. ¿Qué hora es? El tren sale pronto. Hasta mañana."),
]
ADDRESSES: dict[str, Sentence] = {
    "https://www.velmira.example/2026/en": ("de", "You can read more at {} today."),
    "www.tokrun.example": ("fr", "The new address is {} and it works."),
    "info@pelundra.example": ("es", "Please write to {} if you have a question."),
    "https://kestavik.example/kontakt": ("en", "Unter {} finden Sie alle Bücher."),
    "www.yorvena.example/aide": ("en", "Vous trouverez le programme sur {} demain."),
    "hola@nordavik.example": ("en", "Escriba a {} si tiene una pregunta."),
}
QUESTIONS: list[Sentence] = [
    ("de", "Where do you live?"),
    ("fr", "Can you help me?"),
    ("es", "What time is it?"),
    ("en", "Wo wohnst du?"),
    ("en", "Pouvez-vous m'aider ?"),
    ("en", "¿Qué hora es?"),
]


@pytest.fixture(scope="module")
def translate() -> Translate:
    """Return the best translations, by the service's search."""
    model = load_model(BUNDLED / "translate", dtype="float32", device="cpu")
    params = GenerationParams(**{**model.generation, "max_new_tokens": 160, "max_repeats": 3})

    def answers(sentences: list[Sentence]) -> list[str]:
        found: dict[Sentence, str] = {}
        for lang in {lang for lang, _ in sentences}:
            texts = [text for to, text in sentences if to == lang]
            outputs = decode_all(model, texts, task=Translation(lang), params=params)
            found |= zip([(lang, text) for text in texts], outputs, strict=True)
        return [found[sentence] for sentence in sentences]

    return answers


def read_unseen() -> list[tuple[Sentence, list[str]]]:
    """Return sentences, each with the parts that a translation must keep."""
    lines = UNSEEN.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return [((lang, text), kept.split()) for lang, kept, text in rows]


def plain_numbers(text: str) -> str:
    """Return a text without the separators between digits: `4.713`, `19 h 52`."""
    return re.sub(r"(?<=\d)(?:[.,:]|\s?h\s?|\s)(?=\d)", "", text)


def lost(translate: Translate) -> Iterator[str]:
    """Return the parts that were lost, each with its sentence and translation."""
    cases = read_unseen()
    answers = translate([sentence for sentence, _ in cases])
    for ((lang, text), words), answer in zip(cases, answers, strict=True):
        for word in words:
            if plain_numbers(word) not in plain_numbers(answer):
                yield f"{word}: {text} -> ({lang}) {answer}"


def num_sentence_ends(text: str) -> int:
    return len(re.findall(r"[.!?…](?=\s|$)", text))


def first_sentences(text: str, count: int) -> str:
    return " ".join(re.split(r"(?<=[.?]) (?=[A-ZÁÉ¿])", text)[:count])


def test_the_sentences_are_of_all_six_directions() -> None:
    langs = [lang for (lang, _), _ in read_unseen()]
    assert {lang: langs.count(lang) for lang in langs} == {"de": 7, "fr": 7, "es": 7, "en": 21}


def test_unseen_names_numbers_and_codes_are_copied(translate: Translate) -> None:
    num_words = sum(len(words) for _, words in read_unseen())
    failures = list(lost(translate))
    share = 1 - len(failures) / num_words
    assert share >= LEAST_KEPT, "\n".join([f"{share:.1%} of {num_words} were kept", *failures])


@pytest.mark.parametrize("count", [2, 4])
def test_a_paragraph_keeps_the_number_of_its_sentences(translate: Translate, count: int) -> None:
    texts = [(lang, first_sentences(text, count)) for lang, text in PARAGRAPHS]
    answers = translate(texts)
    uneven = [
        f"{text} -> ({lang}) {answer}"
        for (lang, text), answer in zip(texts, answers, strict=True)
        if num_sentence_ends(answer) != count
    ]
    assert len(uneven) <= MOST_UNEVEN, "\n".join(uneven)


def test_an_address_inside_a_sentence_is_kept(translate: Translate) -> None:
    sentences = [(lang, text.format(address)) for address, (lang, text) in ADDRESSES.items()]
    answers = translate(sentences)
    kept = [address in answer for address, answer in zip(ADDRESSES, answers, strict=True)]
    assert sum(kept) >= LEAST_ADDRESSES, "\n".join(answers)


def test_a_question_stays_one_and_begins_with_a_capital(translate: Translate) -> None:
    for (lang, text), answer in zip(QUESTIONS, translate(QUESTIONS), strict=True):
        begin = "¿" if lang == "es" else ""
        assert re.fullmatch(rf"{begin}[A-ZÀÉÊÎÔÚ][^¿?]*\?", answer), f"{text} -> {answer}"
