"""Language codes as clients write them, and the names of languages."""

from collections.abc import Collection
from functools import lru_cache

import langcodes

_MAX_CODE_CHARACTERS = 35  # the longest tag that RFC 5646 asks implementations to take
_ANY_DISTANCE = 1_000  # above the distance of any two forms of one language
# Macrolanguages of ISO 639-3 that langcodes leaves out, as their members are often kept apart.
_GROUPS = {"nb": "no", "nn": "no", "yue": "zh", "wuu": "zh", "arz": "ar", "ary": "ar"}


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

    `de-AT` finds `de`; of `zh-Hans` and `zh-Hant`, `zh-TW` finds `zh-Hant`; `nl` finds no `de`. A
    group finds its members, and a member its group: `ar` finds `arb_Arab`.
    """
    if code in served:
        return code
    if len(code) > _MAX_CODE_CHARACTERS:  # or the cache would keep megabytes of what clients send
        return None
    return _nearest(code, tuple(served))


@lru_cache(maxsize=4_096)
def _nearest(code: str, served: tuple[str, ...]) -> str | None:
    standard = standard_code(code)
    if standard is None:
        return None
    same = [s for s in served if base_code(s) == base_code(code)]
    kin = {standard_code(s) or s: s for s in reversed(same or _of_group(code, served))}
    if len(kin) <= 1:
        return next(iter(kin.values()), None)
    return kin[langcodes.closest_match(standard, list(kin), max_distance=_ANY_DISTANCE)[0]]


def _of_group(code: str, served: tuple[str, ...]) -> list[str]:
    """Return the members of a group that `code` names, or the group that it is a member of.

    NLLB has `arb_Arab` where clients say `ar`; M2M-100 has `ar`.
    """
    group, base = group_code(code), base_code(code)
    return [s for s in served if group_code(s) == group and group in (base, base_code(s))]


@lru_cache(maxsize=4_096)
def group_code(code: str) -> str | None:
    """Return the base code of the group that a language belongs to: `nb` is of `no`, `zsm` of `ms`.

    The language's own base code if it is of no group; None if `code` is not a code.
    """
    base = base_code(code)
    if base is None:
        return None
    return _GROUPS.get(base) or langcodes.standardize_tag(base, macro=True)


@lru_cache(maxsize=4_096)
def name_of(code: str) -> str:
    """Return the English name of a language; the code itself if it has none."""
    standard = standard_code(code)
    if standard is None or not langcodes.tag_is_valid(standard):
        return code
    return langcodes.Language.get(standard).display_name()
