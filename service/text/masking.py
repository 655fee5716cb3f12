"""Put stand-ins that a model copies in place of what must come back unchanged, and back again."""

import string
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from service.spans import Span
from service.text.edits import Edit, Edited

_NAME_SIGNS = frozenset(string.ascii_letters + string.digits + "_")
_LAST_SPACED = "\u058f"  # Latin, Greek, Cyrillic, Armenian: blanks stand between their words


@dataclass(frozen=True, slots=True)
class Protected:
    """Characters `start` to `stop` of a text, for which the answer has `replacement`, once.

    A placeholder's replacement is itself, a glossary term's is its target.

    `initial`: the replacement where it is the answer's first word; None for the same as elsewhere.
    """

    start: int
    stop: int
    replacement: str
    initial: str | None = None

    def at(self, start: int, output: str) -> str:
        """Return the replacement for what begins at `start` of the output."""
        if self.initial is None or any(map(str.isalnum, output[:start])):
            return self.replacement
        return self.initial


@dataclass(frozen=True, slots=True)
class _StandIn:
    """A name in place of a span; a blank was put where it would have touched a word."""

    name: str
    protected: Protected
    blank_before: bool
    blank_after: bool

    @property
    def edit(self) -> Edit:
        before, after = " " * self.blank_before, " " * self.blank_after
        return Edit(self.protected.start, self.protected.stop, f"{before}{self.name}{after}")

    def restored(self, output: str) -> Edit | None:
        """Return the replacement of the name and of its blanks; None unless it is there once."""
        start = output.find(self.name)
        stop = start + len(self.name)
        if start < 0 or output.find(self.name, start + 1) >= 0:
            return None
        before, after = output[start - 1 : start] or " ", output[stop : stop + 1] or " "
        if before in _NAME_SIGNS or after in _NAME_SIGNS:
            return None
        if self.blank_before and start > 0 and before == " ":
            start -= 1
        if self.blank_after and stop < len(output) and after == " ":
            stop += 1
        return Edit(start, stop, self.protected.at(start, output))


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with a stand-in for each protected span, in order."""

    edited: Edited
    stand_ins: tuple[_StandIn, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The stand-in of each span; each is in `edited.text` just once."""
        return tuple(stand_in.name for stand_in in self.stand_ins)

    @property
    def protected(self) -> tuple[Protected, ...]:
        return tuple(stand_in.protected for stand_in in self.stand_ins)

    def restore(self, output: str) -> Edited | None:
        """Return the output with the replacements; None unless it has each name exactly once."""
        edits = self._edits(output)
        if len(edits) < len(self.stand_ins):
            return None
        return Edited.of(output, sorted(edits.values(), key=lambda edit: edit.start))

    def places(self, restored: Edited) -> tuple[Span, ...]:
        """Return where each replacement is in the result of `restore`."""
        edits = self._edits(restored.source)
        spans = (Span(edits[name].start, edits[name].stop) for name in self.names)
        return tuple(map(restored.to_result, spans))

    def _edits(self, output: str) -> dict[str, Edit]:
        """Return by its name what restores each stand-in that the output has exactly once."""
        found = (
            (name, s.restored(output)) for name, s in zip(self.names, self.stand_ins, strict=True)
        )
        edits: dict[str, Edit] = {}
        at = 0
        for name, edit in sorted(
            ((name, edit) for name, edit in found if edit is not None),
            key=lambda pair: pair[1].start,
        ):
            # Two names may have given up the same blank.
            edits[name] = replace(edit, start=max(at, edit.start))
            at = edit.stop
        return edits


def mask(text: str, protected: Sequence[Protected], names: Iterable[str]) -> Masked | None:
    """Replace the spans, in order and without overlap, by names that the text does not have.

    None if there are fewer such names than spans.
    """
    chosen = tuple(islice(_distinct(text, names), len(protected)))
    if len(chosen) < len(protected):
        return None
    stops = [0, *(span.stop for span in protected)]
    stand_ins = tuple(
        _StandIn(
            name,
            span,
            blank_before=span.start > 0
            and (span.start == stop_before or _is_in_word(text[span.start - 1])),
            blank_after=span.stop < len(text) and _is_in_word(text[span.stop]),
        )
        for name, span, stop_before in zip(chosen, protected, stops, strict=False)
    )
    masked = Masked(Edited.of(text, (stand_in.edit for stand_in in stand_ins)), stand_ins)
    # Beside other characters, two names may make a third: #1 and # make ##1.
    return masked if masked.restore(masked.edited.text) is not None else None


def by_precedence(*groups: Sequence[Protected]) -> tuple[Protected, ...]:
    """Return the spans of all groups in order, without those that overlap one of a group before.

    The spans of each group are in order and do not overlap.
    """
    kept = list(groups[0]) if groups else []
    for group in groups[1:]:
        if group:
            starts = [span.start for span in kept]
            kept += [span for span in group if not _overlaps(span, kept, starts)]
            kept.sort(key=lambda span: span.start)
    return tuple(kept)


def outside(spans: Iterable[Protected], taken: Sequence[Protected]) -> list[Protected]:
    """Return what is left of spans outside of others, without the blanks at the cuts.

    Both are in order and do not overlap among themselves; the replacement of each of `spans` is its
    own text.
    """
    parts: list[Protected] = []
    first = 0
    for span in spans:
        while first < len(taken) and taken[first].stop <= span.start:
            first += 1
        start, at = span.start, first
        while at < len(taken) and taken[at].start < span.stop:
            parts += _part(span, start, taken[at].start)
            start = taken[at].stop
            at += 1
        parts += [span] if start == span.start else _part(span, start, span.stop)
    return parts


def _part(span: Protected, start: int, stop: int) -> list[Protected]:
    """Return the part of a span between two characters, trimmed; none if nothing is left."""
    text = span.replacement[start - span.start : stop - span.start] if start < stop else ""
    core = text.strip()
    start += len(text) - len(text.lstrip())
    return [Protected(start, start + len(core), core)] if core else []


def _overlaps(span: Protected, others: Sequence[Protected], starts: Sequence[int]) -> bool:
    """Return whether the span shares a character with another; those begin at `starts`."""
    after = bisect_left(starts, span.stop)
    return after > 0 and others[after - 1].stop > span.start


def _distinct(text: str, names: Iterable[str]) -> Iterator[str]:
    """Yield the names that are neither in the text nor in each other."""
    taken: list[str] = []
    for name in names:
        if name not in text and not any(name in other or other in name for other in taken):
            taken.append(name)
            yield name


def _is_in_word(char: str) -> bool:
    return char <= _LAST_SPACED and (char.isalnum() or char == "_")
