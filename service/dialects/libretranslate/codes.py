"""The codes that LibreTranslate gives languages, beside those of the served models."""

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from service.dialects.libretranslate.errors import UnsupportedLanguageError
from service.errors import UnknownLanguageError
from service.tasks.registry import ModelRegistry
from service.text.languages import base_code, standard_code

AUTO = "auto"

# Its code for a language where it tells forms of one language apart, by the form's standard code,
_FORMS = {
    "pt-BR": "pt-BR",
    "zh": "zh-Hans",
    "zh-CN": "zh-Hans",
    "zh-Hans": "zh-Hans",
    "zh-Hant": "zh-Hant",
    "zh-TW": "zh-Hant",
}
# and where checkpoints name the member of a group that it calls by the group's code.
_LANGUAGES = {
    "als": "sq",
    "arb": "ar",
    "azj": "az",
    "fil": "tl",
    "lvs": "lv",
    "no": "nb",
    "pes": "fa",
    "zsm": "ms",
}
# Codes that it takes, too: the names of its own models, and one language with two codes.
_ALSO = {"zh": "zh-Hans", "zt": "zh-Hant", "pb": "pt-BR", "no": "nb"}


class LanguageCodes:
    """Translates codes between LibreTranslate and the models that are served at the time."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry

    def shown(self, code: str) -> str:
        """Return its code for one of ours; a language that is not served has one, too."""
        return _shown(self._registry.languages).get(code) or _shown((code,))[code]

    def served(self, field: str, code: str) -> str:
        """Return our code for one that a client sent: one of its codes, or any that we know.

        Raises:
            UnsupportedLanguageError: No served language matches.
        """
        by_its_code = _served(self._registry.languages)
        name = code.lower()
        also = _ALSO.get(name, name)
        found = by_its_code.get(name) or by_its_code.get(also.lower())
        if found is not None:
            return found
        try:
            return self._registry.language(field, also if name in _ALSO else code)
        except UnknownLanguageError:
            shown = list(_shown(self._registry.languages).values())
            raise UnsupportedLanguageError(field, code, served=shown) from None


@lru_cache(maxsize=256)
def _shown(languages: tuple[str, ...]) -> Mapping[str, str]:
    """Return its code for each of ours, no two the same: where its own is taken, a longer one."""
    bases = Counter(map(base_code, languages))
    wanted = {code: _its_codes(code, is_alone=bases[base_code(code)] == 1) for code in languages}
    taken = {code for code, its in wanted.items() if its[0] == code}
    shown: dict[str, str] = {}
    for code, its in wanted.items():
        free = (each for each in its if each not in taken)
        shown[code] = code if its[0] == code else next(free, code)
        taken.add(shown[code])
    return shown


def _its_codes(code: str, *, is_alone: bool) -> tuple[str, ...]:
    """Return its code for a language, and the next best; `is_alone`: in no other form is it served.

    `kor_Hang` is `ko` if it is alone.
    """
    standard, base = standard_code(code), base_code(code)
    if standard is None or base is None:
        return (code,)
    short = _FORMS.get(standard) or (_LANGUAGES.get(base, base) if is_alone else standard)
    return (short, standard)


@lru_cache(maxsize=16)
def _served(languages: tuple[str, ...]) -> Mapping[str, str]:
    """Return our code for each of its codes, in small letters."""
    return {its.lower(): code for code, its in _shown(languages).items()}
