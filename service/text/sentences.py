"""Cut a line into sentences: `sentencex`, corrected by rules of our own.

Rules for every language: a sentence goes on if a lower-case letter, a comma or a hyphen follows.
For German, English, French and Spanish, `stops.py` says by lists of abbreviations where a sentence
goes on before a capital or a number, and where it ends. Other languages keep the cuts of
`sentencex` that the first rule allows.
"""

import re
from collections.abc import Iterator
from itertools import accumulate, pairwise

import sentencex

from service.text.abbreviations import ABBREVIATIONS, Abbreviations
from service.text.stops import Following, Stop, begins_sentence, ends_sentence, is_lower, stops
from service.text.words import is_address

_MIN_LETTERS = 2  # a sentence with fewer joins its neighbour: "1. Introduction"
_MIN_LETTERS_ELSEWHERE = 3  # as many abbreviations of languages without a list: "M. Dupont"
_MIN_PLAIN_LETTERS = 3  # of a word that is no part of an abbreviation
_MAX_PLAIN_LETTERS = 40
_MAX_PIECE = 10_000  # characters
# A stop within them need not end the sentence around them.
_QUOTES = frozenset('"“„«»\u201a\u2039(')

# The stops of Latin script, and all signs among which other scripts have theirs.
_STOP = re.compile(
    r"[.!?…]|[^\x00-\u024f\u1e00-\u1eff\u2010-\u2023\u2025\u2027-\u203b\u20a0-\u20cf]"
)
_FINAL_MARKS = " \t\r\n.!?…\"'”\u2019“»«)"
_CHUNK = re.compile(r"\S+")
_WIDE_BLANK = re.compile(r"[^\S\x00-\x7f]")  # before an initial, `sentencex` panics at these
_INNER_STOPS = re.compile(r"[.!?](?=.)")


def sentences(line: str, *, language: str) -> list[str]:
    """Return the sentences of a line, each with the white space after it; scraps joined.

    Joined, they are `line`. `language` is a code; only its first part counts.
    """
    base = language.partition("-")[0]
    rules = ABBREVIATIONS.get(base)
    if rules is not None and _STOP.search(line.rstrip(_FINAL_MARKS)) is None:
        return [line]
    shielded = _CHUNK.sub(_shield, line) if _may_have_address(line) else line
    shielded = _WIDE_BLANK.sub(" ", shielded)
    starts = [*_cuts(shielded, _found(shielded, language), rules), len(line)]
    if len(starts) == 1:
        return [line]
    return _without_scraps(line, starts, _MIN_LETTERS_ELSEWHERE if rules is None else _MIN_LETTERS)


def _found(line: str, language: str) -> list[int]:
    """Return where `sentencex` cuts a line; a very long one in pieces, since it takes their square.

    Between two pieces it finds no cut.
    """
    found: list[int] = []
    start = 0
    while start < len(line):
        blank = line.find(" ", start + _MAX_PIECE, start + 2 * _MAX_PIECE)
        stop = min(len(line), start + 2 * _MAX_PIECE if blank < 0 else blank + 1)
        piece = line[start:stop] if start or stop < len(line) else line
        parts = _segments(piece, language)
        if "".join(parts) == piece:
            found += list(accumulate(map(len, parts[:-1]), initial=start))[1:]
        start = stop
    return found


def _segments(piece: str, language: str) -> list[str]:
    """Return what `sentencex` makes of a text; the text itself where it fails."""
    try:
        parts: list[str] = sentencex.segment(language, piece)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a fault in its Rust code; it has no class
            raise
        return [piece]
    return parts


def _may_have_address(line: str) -> bool:
    return "@" in line or "://" in line or "www." in line.lower()


def _shield(chunk: re.Match[str]) -> str:
    """Replace the full stops inside an address, so that none ends a sentence; keep other words."""
    return _INNER_STOPS.sub("_", chunk[0]) if is_address(chunk[0]) else chunk[0]


def _without_scraps(line: str, ends: list[int], min_letters: int) -> list[str]:
    """Cut at `ends`, the last of them the line's; too short a sentence begins the next one."""
    merged: list[str] = []
    begin = num_letters = 0
    for start, stop in pairwise([0, *ends]):
        is_word = line[start : start + min_letters].isalpha()
        num_letters += min_letters if is_word else sum(map(str.isalpha, line[start:stop]))
        if num_letters >= min_letters:
            merged.append(line[begin:stop])
            begin, num_letters = stop, 0
    if not merged:
        return [line]
    merged[-1] += line[begin:]
    return merged


def _cuts(line: str, found: list[int], rules: Abbreviations | None) -> Iterator[int]:
    """Yield where sentences begin, in order: where `found` says so or a rule does."""
    is_quoting = not _QUOTES.isdisjoint(line)
    begin = at = 0
    for stop in stops(line, rules):
        while at < len(found) and found[at] <= stop.start:
            if _stands(line, found[at], rules):
                begin = found[at]
                yield begin
            at += 1
        is_found = False
        while at < len(found) and found[at] <= stop.end:
            is_found = is_found or found[at] == stop.end
            at += 1
        ends: bool | None = None
        if not (is_found and rules is not None and _is_plain(stop, rules)):
            ends = ends_sentence(stop, begin, rules)
            if ends is None and not is_found and not is_quoting and rules is not None:
                ends = begins_sentence(stop.following, rules)
        if is_found if ends is None else ends:
            begin = stop.end
            yield begin
    yield from (cut for cut in found[at:] if _stands(line, cut, rules))


def _is_plain(stop: Stop, rules: Abbreviations) -> bool:
    """Return whether an ordinary word, a stop and a capital tell that `sentencex` is right."""
    line, start = stop.line, stop.start
    word = line[line.rfind(" ", max(0, start - _MAX_PLAIN_LETTERS), start) + 1 : start]
    return (
        len(word) >= _MIN_PLAIN_LETTERS
        and word.isalpha()
        and word[1:].islower()
        and line[stop.end].isupper()
        and stop.mark in ".!?"
        and not stop.closers
        and rules.kind(word) is None
        and not word.endswith(rules.suffixes)
    )


def _stands(line: str, cut: int, rules: Abbreviations | None) -> bool:
    """Return whether a cut holds that `sentencex` made after another stop, or without a blank."""
    if line[cut] in ",-" or is_lower(line[cut]):
        return False
    if rules is None or line[cut - 1] != ".":
        return True
    return begins_sentence(Following.at(line, cut), rules)
