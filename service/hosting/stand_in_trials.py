"""Sentences to try stand-ins in, and the forms of stand-ins."""
# ruff: noqa: RUF001 - letters of many scripts

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice, zip_longest

from service.pairs import Pair, Pairs
from service.text.languages import base_code

MAX_PAIRS = 8

# Names of each form, none of which contains another. The order is that of how many came through
# bundled/translate. The last two are for vocabularies that know the marks of markup better.
FORMS: tuple[tuple[str, ...], ...] = (
    ("X97", "X86", "X79", "X68", "X53", "X42", "X31", "X24", "X15"),
    tuple(f"X{n}Y" for n in range(1, 10)),
    tuple(f"__{n}__" for n in range(1, 10)),
    ("7319", "4826", "9153", "6274", "3581", "8462", "5927", "2648"),
    tuple(f"#{n}" for n in range(1, 10)),
    tuple(f"{{{n}}}" for n in range(1, 10)),
    tuple(f"<{n}>" for n in range(1, 10)),
)
UNTRIED = FORMS[0]  # for a model that is not tried, or not yet

# With places for one, two and three names, at the beginning, in the middle and at the end.
_SENTENCES = {
    "en": (
        "{} is full.",
        "Hello {}, you have {} new messages.",
        "Copy {} to {} or {}.",
    ),
    "de": (
        "{} ist voll.",
        "Hallo {}, du hast {} neue Nachrichten.",
        "Kopiere {} nach {} oder {}.",
    ),
    "fr": (
        "{} est plein.",
        "Bonjour {}, tu as {} nouveaux messages.",
        "Copiez {} vers {} ou {}.",
    ),
    "es": (
        "{} está lleno.",
        "Hola {}, tienes {} mensajes nuevos.",
        "Copia {} en {} o {}.",
    ),
    "it": (
        "{} è pieno.",
        "Ciao {}, hai {} nuovi messaggi.",
        "Copia {} in {} o {}.",
    ),
    "pt": (
        "{} está cheio.",
        "Olá {}, você tem {} mensagens novas.",
        "Copie {} para {} ou {}.",
    ),
    "nl": (
        "{} is vol.",
        "Hallo {}, je hebt {} nieuwe berichten.",
        "Kopieer {} naar {} of {}.",
    ),
    "pl": (
        "{} jest pełny.",
        "Cześć {}, masz {} nowych wiadomości.",
        "Skopiuj {} do {} lub {}.",
    ),
    "tr": (
        "{} dolu.",
        "Merhaba {}, {} yeni mesajın var.",
        "{} dosyasını {} veya {} içine kopyala.",
    ),
    "ru": (
        "{} заполнен.",
        "Привет, {}, у вас {} новых сообщений.",
        "Скопируйте {} в {} или {}.",
    ),
    "zh": (
        "{}已满。",
        "你好，{}，你有{}条新消息。",
        "把{}复制到{}或{}。",
    ),
    "ja": (
        "{}はいっぱいです。",
        "こんにちは、{}さん。新着メッセージが{}件あります。",
        "{}を{}か{}にコピーしてください。",
    ),
    "ko": (
        "{}이 가득 찼습니다.",
        "안녕하세요 {}, 새 메시지가 {}개 있습니다.",
        "{}를 {} 또는 {}에 복사하세요.",
    ),
    "ar": (
        "{} ممتلئ.",
        "مرحبا {}، لديك {} رسائل جديدة.",
        "انسخ {} إلى {} أو {}.",
    ),
}


@dataclass(frozen=True, slots=True)
class Trial:
    """A sentence with stand-ins, to be translated."""

    source: str
    target: str
    text: str
    names: tuple[str, ...]


def trials(pairs: Pairs, names: Sequence[str]) -> list[Trial]:
    """Return sentences for some of the pairs, in which each name has its turn.

    Empty if there are no sentences in any language that the pairs translate from.
    """
    made: list[Trial] = []
    turns = count()
    for source, target in islice(_spread(pairs), MAX_PAIRS):
        for sentence in _SENTENCES[base_code(source) or ""]:
            num_places = sentence.count("{}")
            chosen = tuple(names[next(turns) % len(names)] for _ in range(num_places))
            made.append(Trial(source, target, sentence.format(*chosen), chosen))
    return made


def _spread(pairs: Pairs) -> Iterator[Pair]:
    """Yield pairs that have sentences: one of each source, then another of each, and so on.

    Targets of which there are sentences come first, as languages that are used more.
    """
    sources = [source for source in pairs.sources if base_code(source) in _SENTENCES][:MAX_PAIRS]
    choices = [
        [(source, target) for target in sorted(pairs.targets_of(source), key=_is_rare)[:MAX_PAIRS]]
        for source in sources
    ]
    for one_of_each in zip_longest(*choices):
        yield from (pair for pair in one_of_each if pair is not None)


def _is_rare(language: str) -> bool:
    return base_code(language) not in _SENTENCES
