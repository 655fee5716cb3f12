"""Have a glossary's terms come out in the translation of a sentence.

A term to be left as it is has a stand-in (`service.text.masking`) from the beginning. For those
with a target, a model is asked three times at most, and each answer is checked by `missing`:

1. with the sentence as it is: one of its best hypotheses may have the terms;
2. with the targets of those still missing written into the sentence (`written_in`): a model often
   copies them, and inflects what is around them;
3. with a stand-in for every term to be enforced (`stand_ins_for`).

`loadtests.glossary` measures that with the bundled translator. A stand-in at once is quicker and
reads worse: articles and endings follow a word that the model does not know.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from service.spans import Span
from service.text.boundaries import cut_at_boundaries, is_word
from service.text.edits import Edit
from service.text.glossary import Capitals, Entry, Glossary, Match
from service.text.masking import Protected

_ENDING = 3  # an inflected form may lack one letter of three, up to so many
_MAX_ADDED = 4  # letters that it may have more


def clear_of(matches: Iterable[Match], taken: Iterable[Span | Protected]) -> tuple[Match, ...]:
    """Return the matches that overlap none of the spans: markup, placeholders, addresses.

    Both are in order, and neither has overlaps within itself.
    """
    kept: list[Match] = []
    spans = iter(taken)
    span = next(spans, None)
    for match in matches:
        while span is not None and span.stop <= match.start:
            span = next(spans, None)
        if span is None or span.start >= match.stop:
            kept.append(match)
    return tuple(kept)


def uncovered(spans: Iterable[Protected], matches: Iterable[Match]) -> list[Protected]:
    """Return the spans that do not lie in a match with all they have; all are in order."""
    kept: list[Protected] = []
    rest = iter(matches)
    match = next(rest, None)
    for span in spans:
        while match is not None and match.stop < span.stop:
            match = next(rest, None)
        if match is None or span.start < match.start:
            kept.append(span)
    return kept


def missing(matches: Sequence[Match], output: str) -> tuple[Match, ...]:
    """Return the matches whose targets the output lacks, or does not have often enough.

    A target counts at word boundaries, with the capitals of a sentence's start or a title as well.
    Where the entry says `prefer`, an inflected form counts, too: each word of the target must have
    one that begins alike.
    """
    if not matches:
        return ()
    targets = Glossary(Entry(t, None) for t in dict.fromkeys(_target(m) for m in matches))
    found = Counter(match.entry.source for match in targets.find(output))
    lacking: list[Match] = []
    for match in matches:
        target = _target(match)
        if found[target]:
            found[target] -= 1
        elif match.entry.mode == "enforce" or not _has_form_of(target, output):
            lacking.append(match)
    return tuple(lacking)


def written_in(matches: Iterable[Match]) -> tuple[Edit, ...]:
    """Return the edits that write the targets into the source; none for a term left as it is."""
    return tuple(Edit(m.start, m.stop, m.target) for m in matches if m.entry.target is not None)


def stand_ins_for(text: str, matches: Iterable[Match]) -> tuple[Protected, ...]:
    """Return the spans to be replaced by stand-ins: those of the terms to be enforced.

    The first word of a sentence has a capital that its target has only where it begins the answer.
    """
    return tuple(_protected(text, match) for match in matches if match.entry.mode == "enforce")


def _protected(text: str, match: Match) -> Protected:
    target = match.entry.target
    if target is None:
        return Protected(match.start, match.stop, match.target)
    initial = Capitals.FIRST.applied_to(match.target)
    is_first = not any(map(str.isalnum, text[: match.start]))
    owes_place = is_first and match.target == Capitals.FIRST.applied_to(target)
    inner = target if owes_place else match.target
    return Protected(match.start, match.stop, inner, initial=initial)


def _target(match: Match) -> str:
    """Return the target as its entry has it, or the term that is left as it is."""
    return match.entry.source if match.entry.target is None else match.entry.target


def _has_form_of(target: str, output: str) -> bool:
    words = [_folded(part) for part in cut_at_boundaries(output) if is_word(part)]
    wanted = [_folded(part) for part in cut_at_boundaries(target) if is_word(part)]
    return bool(wanted) and all(any(_is_form(word, of=one) for word in words) for one in wanted)


def _is_form(word: str, *, of: str) -> bool:
    """Return whether two words begin alike: `konto` and `kontos`, `haus` and `hausern`."""
    stem = of[: len(of) - min(_ENDING, len(of) // 3)]
    return word.startswith(stem) and len(word) <= len(of) + _MAX_ADDED


def _folded(word: str) -> str:
    """Return the word in lower case and without marks: `Häuser` is `hauser`."""
    letters = unicodedata.normalize("NFD", word.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
