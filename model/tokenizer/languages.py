"""Finds the language tag of a vocabulary for a client's language code."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

from langcodes import Language, standardize_tag
from langcodes.data_dicts import LIKELY_SUBTAGS

_MAX_CODE_CHARACTERS = 35  # the longest tag that RFC 5646 requires implementations to take
_MAX_REMEMBERED_CODES = 1024
_NO_TERRITORY = "XX"  # mBART's `en_XX` has no country
# Codes that checkpoints use and no standard has: M2M100's Northern Sotho, OPUS's Brazilian.
_OWN_CODES = {"ns": "nso", "pob": "pt-BR"}
_SCRIPTS = {
    "Hang": "Kore"
}  # Hangul alone is the usual script of Korean, whose code is "Hangul and Han"
# CLDR names one main language for a code that covers several (`arb` for `ar`). For these it names
# another than the one that models are trained on.
_MAIN_LANGUAGES = {"nb": "no", "fuv": "ff", "pbt": "ps", "quy": "qu"}


@dataclass(frozen=True, slots=True)
class _Meaning:
    """The meaning of a language code by BCP 47 and CLDR."""

    language: str
    group: str  # the code that this is the main language of: `ar` for `arb`; mostly itself
    script: str | None
    territory: str | None

    @classmethod
    def parse(cls, code: str) -> Self | None:
        """Return the meaning of a code; None if it is not a valid one."""
        if len(code) > _MAX_CODE_CHARACTERS:
            return None
        code = _OWN_CODES.get(code, code)
        try:
            own = Language.get(standardize_tag(code))
            group = Language.get(standardize_tag(code, macro=True))
        except ValueError:
            return None
        if own.language is None or not Language.make(language=own.language).is_valid():
            return None
        return cls(
            language=own.language,
            group=_MAIN_LANGUAGES.get(own.language, group.language or own.language),
            script=_SCRIPTS.get(own.script, own.script) if own.script else None,
            territory=own.territory if own.territory != _NO_TERRITORY else None,
        )

    def is_kin_of(self, other: Self) -> bool:
        """Return whether both are one language, or one is the main language of the other."""
        return self.language in (other.language, other.group) or self.group == other.language

    @property
    def likely_script(self) -> str | None:
        """The script that the code names or implies; None if unknown."""
        if self.script or self.group not in LIKELY_SUBTAGS:
            return self.script
        return Language.make(language=self.group, territory=self.territory).maximize().script

    @property
    def has_usual_script(self) -> bool:
        """True if the script is the language's usual one, or the usual one is unknown."""
        return self.script is None or replace(self, script=None).likely_script in (
            None,
            self.script,
        )

    @property
    def likely_territory(self) -> str | None:
        if self.group not in LIKELY_SUBTAGS:
            return None
        return Language.make(language=self.group, script=self.script).maximize().territory


@dataclass(frozen=True, slots=True)
class _Tag:
    entry: str  # as the vocabulary has it: `__de__`
    code: str  # the part of it that names the language: `de`
    meaning: _Meaning | None

    def offered_codes(self) -> list[str]:
        """Return standard codes that may find the tag, shortest first, then its own code."""
        if self.meaning is None:
            return [self.code]
        languages = (self.meaning.language, self.meaning.group)
        endings = [part for part in (self.meaning.script, self.meaning.territory) if part]
        codes = [f"{lang}-{end}" for end in endings for lang in languages]
        if self.meaning.has_usual_script:
            codes += languages
        if len(endings) > 1:
            codes += ["-".join((lang, *endings)) for lang in languages]
        return [*sorted(codes, key=len), self.code]


class LanguageTags:
    """Lookup of a language's tag by the vocabulary's own code, or by any standard one.

    `de`, `deu`, `de-AT` and `deu_Latn` all find `deu_Latn`; a code that could mean several tags
    finds the one in the language's usual script and country. Another language or script than the
    one asked for is never found: `sr-Latn` does not find Serbian in Cyrillic.

    Attributes:
        codes: For each tag the shortest code that finds it, in the order of the vocabulary.
    """

    def __init__(self, entries: Iterable[str], *, pattern: str | None) -> None:
        """Collect the tags.

        Args:
            entries: The entries of a vocabulary; those that are no tags are skipped.
            pattern: A regular expression for a whole tag, whose one group is the language's code;
                None if the vocabulary has no tags.
        """
        matches = [] if pattern is None else map(re.compile(pattern).fullmatch, entries)
        self._tags = [_Tag(m[0], m[1], _Meaning.parse(m[1])) for m in matches if m]
        # Earlier tags win, and an exact code wins over one in another case.
        self._entries = {_fold(tag.code): tag.entry for tag in reversed(self._tags)}
        self._entries |= {tag.code: tag.entry for tag in reversed(self._tags)}
        self._find_meant = lru_cache(_MAX_REMEMBERED_CODES)(self._find_meant_now)
        self.codes: tuple[str, ...] = tuple(
            next((code for code in tag.offered_codes() if self.find(code) == tag.entry), tag.code)
            for tag in self._tags
        )

    def find(self, code: str) -> str | None:
        """Return the vocabulary's entry for a language, such as `__de__`; None if it has none."""
        entry = self._entries.get(code) or self._entries.get(_fold(code))
        return entry or self._find_meant(code)

    def _find_meant_now(self, code: str) -> str | None:
        wanted = _Meaning.parse(code)
        if wanted is None:
            return None
        fitting = [
            (_distance(tag.meaning, wanted), place)
            for place, tag in enumerate(self._tags)
            if tag.meaning and tag.meaning.is_kin_of(wanted) and _is_script_of(tag.meaning, wanted)
        ]
        return self._tags[min(fitting)[1]].entry if fitting else None


def _fold(code: str) -> str:
    return code.casefold().replace("_", "-")


def _is_script_of(tag: _Meaning, wanted: _Meaning) -> bool:
    """Return whether a tag has the script that a code names, or implies by country (`zh-TW`)."""
    if not (wanted.script or wanted.territory):
        return True
    return None in (tag.likely_script, wanted.likely_script) or (
        tag.likely_script == wanted.likely_script
    )


def _distance(tag: _Meaning, wanted: _Meaning) -> tuple[bool, int, bool, bool]:
    """Return a tag's distance from a code, for sorting: script, country, spelling, language."""
    if tag.territory == wanted.territory:
        territory = 0
    elif tag.territory is None:
        territory = 1
    else:
        territory = 2 if tag.territory == wanted.likely_territory else 3
    return (
        tag.likely_script != wanted.likely_script,
        territory,
        tag.script != wanted.script,
        tag.language != wanted.language,
    )
