"""Choose the language that each text of a request is in, and the model that translates it.

A text's words give a probability for each served language. It counts less for a language that leads
nowhere. A word alone, of which the identifier cannot be sure, is likely to be in the language of
the texts around it, and always in one that leads to the target: no word fails a request.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.backend import ModelInfo
from service.errors import DetectedPairError, LanguageNotServedError, UnsupportedPairError
from service.tasks.registry import ModelRegistry, sources_of
from service.text.detection import Detection, Detector
from service.text.languages import name_of

# Weights of a language beside one that some model translates to the target. With them, of 300
# English words to be translated to French 4 are taken for French (without, 33). Of 1,200 words that
# stand in lists with two sentences of their language, 8 are taken for another (alone, 125).
_WITHOUT_MODEL = 0.5
_TARGET = 0.3
_AROUND = 5.0  # added for the language of all texts around; less for one of some

# Of 4,089 texts in German or Spanish 14 are not sure to be (with 0.9, 79), and would be translated
# to French as if they were English; of 3,014 in English none is sure to be German or Spanish.
_SURE = 0.6  # probability, so weighted, from which a text of several words leaves no doubt
_MIN_SURE_WORDS = 2
_MIN_SURE_LETTERS = 30  # where no blanks are between words
_MAX_REMEMBERED = 128  # texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One text's language and the model that translates it.

    `is_answer`: the text is in the target language already, and is its own translation.
    """

    lang: str
    detected: bool
    model: ModelInfo
    is_answer: bool = False


class Surroundings:
    """The languages of the latest texts that were sure."""

    def __init__(self) -> None:
        self._latest: deque[tuple[str, int]] = deque(maxlen=_MAX_REMEMBERED)

    def add(self, lang: str, text: str) -> None:
        """Remember a text that is sure to be in `lang`."""
        self._latest.append((lang, _num_letters(text)))

    def shares(self) -> dict[str, float]:
        """Return each language's share of all letters; nothing if no text was sure."""
        letters: Counter[str] = Counter()
        for lang, num_letters in self._latest:
            letters[lang] += num_letters
        total = letters.total()
        return {lang: n / total for lang, n in letters.items()}


def detected_sources(
    texts: Sequence[str],
    target: str,
    *,
    among: Sequence[ModelInfo],
    registry: ModelRegistry,
    detector: Detector,
    around: Surroundings | None = None,
) -> tuple[Source, ...]:
    """Return the source of each text of a request that does not say its language.

    Args:
        texts: The request's texts.
        target: A served code.
        among: The models to choose from.
        registry: What is served.
        detector: Of the served languages.
        around: The texts that came before these, if they belong together; these are added.

    Raises:
        LanguageNotServedError: a text is clearly in a language that is not served.
        DetectedPairError: a text's language is not translated to `target`.
    """
    leading = sources_of(target, among=among)
    around = around or Surroundings()
    detections = [detector.detect(text) for text in texts]
    langs: list[str | None] = []
    for item, text, detection in zip(_names(texts), texts, detections, strict=True):
        if detection.language is not None and not detection.is_served:
            served = list(map(name_of, registry.languages))
            raise LanguageNotServedError(item, name_of(detection.language), served=served)
        lang = _sure(text, detection, target=target, leading=leading)
        if lang is not None:
            around.add(lang, text)
        langs.append(lang)
    nearby = around.shares()
    return tuple(
        _source(
            lang or _likely(detection, target, leading=leading, nearby=nearby),
            target,
            among=among,
            registry=registry,
            item=item,
        )
        for item, lang, detection in zip(_names(texts), langs, detections, strict=True)
    )


def _source(
    lang: str, target: str, *, among: Sequence[ModelInfo], registry: ModelRegistry, item: str
) -> Source:
    if lang == target:
        model = next((m for m in among if target in m.pairs.targets), among[0])
        return Source(lang=lang, detected=True, model=model, is_answer=True)
    try:
        model = registry.for_pair(lang, target, among=among)
    except UnsupportedPairError as error:
        raise DetectedPairError(item, name_of(lang), error) from None
    return Source(lang=lang, detected=True, model=model)


def _names(texts: Sequence[str]) -> list[str]:
    """Return how an error names each text."""
    return ["text"] if len(texts) == 1 else [f"text[{i}]" for i in range(len(texts))]


def _sure(text: str, detection: Detection, *, target: str, leading: tuple[str, ...]) -> str | None:
    """Return the language of a text of several words that leave no doubt."""
    weighted = _weighted(detection.shares, target, leading=leading, nearby={})
    is_long = len(text.split()) >= _MIN_SURE_WORDS or _num_letters(text) >= _MIN_SURE_LETTERS
    if not weighted or not is_long:
        return None
    best = max(weighted, key=weighted.__getitem__)
    return best if weighted[best] >= _SURE * sum(weighted.values()) else None


def _likely(
    detection: Detection, target: str, *, leading: tuple[str, ...], nearby: Mapping[str, float]
) -> str:
    """Return the likeliest language that leads to the target, or the target."""
    shares = {lang: p for lang, p in detection.shares.items() if lang in (*leading, target)}
    weighted = _weighted(shares, target, leading=leading, nearby=nearby)
    if weighted:
        return max(weighted, key=weighted.__getitem__)
    return next(iter(leading), detection.language or target)


def _weighted(
    shares: Mapping[str, float],
    target: str,
    *,
    leading: tuple[str, ...],
    nearby: Mapping[str, float],
) -> dict[str, float]:
    """Return the weights of the languages, those that lead to the target first."""

    def weight(lang: str) -> float:
        own = 1.0 if lang in leading else _TARGET if lang == target else _WITHOUT_MODEL
        return own * (1.0 + _AROUND * nearby.get(lang, 0.0))

    order = dict.fromkeys((*leading, *shares))
    return {lang: shares[lang] * weight(lang) for lang in order if lang in shares}


def _num_letters(text: str) -> int:
    return sum(map(str.isalpha, text))
