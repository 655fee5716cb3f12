"""Language codes as clients write them, their names, and the language of a text."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache, lru_cache

import langcodes
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from service.text.words import has_words

_MAX_CODE_CHARACTERS = 35  # the longest tag that RFC 5646 asks implementations to take
_ANY_DISTANCE = 1_000  # above the distance of any two forms of one language
_MIN_CHOICE = 2  # languages; fewer leave nothing to detect
_MAX_READ_CHARACTERS = 2_000  # a longer text does not change its language


@lru_cache(maxsize=4_096)
def standard_code(code: str) -> str | None:
    """Return the shortest standard form of a code: `deu_Latn` is `de`, `de-at` is `de-AT`.

    None if the code is not one of BCP 47.
    """
    if len(code) > _MAX_CODE_CHARACTERS:
        return None
    try:
        return langcodes.standardize_tag(code)
    except ValueError:
        return None


@lru_cache(maxsize=4_096)
def base_code(code: str) -> str | None:
    """Return a code without its region and script: `de-AT` is `de`; None if it is not a code."""
    standard = standard_code(code)
    return None if standard is None else langcodes.Language.get(standard).language


def resolve(code: str, served: Collection[str]) -> str | None:
    """Return the served code that matches a client's: the same, else the nearest of its language.

    `de-AT` finds `de`; of `zh-Hans` and `zh-Hant`, `zh-TW` finds `zh-Hant`; `nl` finds no `de`.
    """
    if code in served:
        return code
    return _nearest(code, tuple(served))


@lru_cache(maxsize=4_096)
def _nearest(code: str, served: tuple[str, ...]) -> str | None:
    standard = standard_code(code)
    if standard is None:
        return None
    kin = {standard_code(s) or s: s for s in reversed(served) if base_code(s) == base_code(code)}
    if len(kin) <= 1:
        return next(iter(kin.values()), None)
    return kin[langcodes.closest_match(standard, list(kin), max_distance=_ANY_DISTANCE)[0]]


@lru_cache(maxsize=4_096)
def name_of(code: str) -> str:
    """Return the English name of a language; the code itself if it has none."""
    standard = standard_code(code)
    if standard is None or not langcodes.tag_is_valid(standard):
        return code
    return langcodes.Language.get(standard).display_name()


@dataclass(frozen=True, slots=True)
class Detection:
    """A text's language and its probability (0 to 1); None for a text without words."""

    language: str | None
    confidence: float


class Detector:
    """Detects the language of a text, among those served at the time.

    The identifier takes half a second and 120 MB to load, at `load` or at the first detection.
    """

    def __init__(self, served: Callable[[], tuple[str, ...]]) -> None:
        """`served` returns the codes to choose from; see `fallback` for their order."""
        self._served = served

    @property
    def fallback(self) -> str | None:
        """The result if a text's words do not decide: English if served, else the first code."""
        served = self._served()
        return "en" if "en" in served else next(iter(served), None)

    def load(self) -> None:
        """Read the identifier's model from disk, once per process."""
        known = _known(self._served())
        if len(known) >= _MIN_CHOICE:
            _identifier(known)

    def detect(self, text: str) -> Detection:
        """Return the language of `text`; `fallback`, confidence 0, if its words do not decide."""
        sample = text[:_MAX_READ_CHARACTERS]
        if not has_words(sample):
            sample = text
        if not has_words(sample):
            return Detection(None, 0.0)
        served = self._served()
        known = _known(served)
        if len(known) < _MIN_CHOICE:
            return Detection(self.fallback, 1.0 if known else 0.0)
        (best, confidence), (_, runner_up), *_ = _identifier(known).rank(sample)
        if confidence == runner_up:
            return Detection(self.fallback, 0.0)
        return Detection(resolve(best, served), float(confidence))


@lru_cache(maxsize=16)
def _known(served: tuple[str, ...]) -> frozenset[str]:
    """Return the base codes of the served languages that the identifier knows."""
    bases = {base_code(code) for code in served}
    return frozenset(base for base in bases if base in _labels())


@cache
def _labels() -> frozenset[str]:
    return frozenset(_load().labels)


@cache
def _load() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@lru_cache(maxsize=16)
def _identifier(languages: frozenset[str]) -> LanguageIdentifier:
    """Return an identifier of `languages` only, which shares the full model's arrays."""
    full = _load()
    limited = LanguageIdentifier(
        full.nb_ptc,
        full.nb_pc,
        full.nb_classes,
        full.tk_nextmove,
        full.tk_output,
        norm_probs=True,
        tk_row=full.tk_row,
    )
    limited.set_languages(languages)
    return limited
