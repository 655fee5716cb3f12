"""Put stand-ins that a model copies in place of what must come back unchanged, and back again."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from service.text.edits import Edit, Edited


@dataclass(frozen=True, slots=True)
class Protected:
    """Characters `start` to `stop` of a text, for which the answer has `replacement`, once.

    A placeholder's replacement is itself, a glossary term's is its target.
    """

    start: int
    stop: int
    replacement: str


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with a stand-in for each protected span, in order.

    `names[i]` stands for `protected[i]`, and occurs in `edited.text` just once.
    """

    edited: Edited
    protected: tuple[Protected, ...]
    names: tuple[str, ...]

    def restore(self, output: str) -> Edited | None:
        """Return the output with the replacements; None unless it has each name exactly once."""
        edits: list[Edit] = []
        for name, protected in zip(self.names, self.protected, strict=True):
            start = output.find(name)
            if start < 0 or output.find(name, start + 1) >= 0:
                return None
            edits.append(Edit(start, start + len(name), protected.replacement))
        edits.sort(key=lambda edit: edit.start)
        return Edited.of(output, edits)


def mask(text: str, protected: Sequence[Protected], names: Iterable[str]) -> Masked | None:
    """Replace the spans, in order and without overlap, by names that the text does not have.

    None if there are fewer such names than spans.
    """
    chosen = tuple(islice(_distinct(text, names), len(protected)))
    if len(chosen) < len(protected):
        return None
    edits = [Edit(p.start, p.stop, n) for p, n in zip(protected, chosen, strict=True)]
    masked = Masked(Edited.of(text, edits), tuple(protected), chosen)
    # Beside other characters, two names may make a third: X1 and 1 make X11.
    return masked if masked.restore(masked.edited.text) is not None else None


def leftmost_longest(spans: Iterable[Protected]) -> tuple[Protected, ...]:
    """Return the spans without those that overlap an earlier or a longer one at the same place."""
    kept: list[Protected] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.stop)):
        if not kept or span.start >= kept[-1].stop:
            kept.append(span)
    return tuple(kept)


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


def _overlaps(span: Protected, others: Sequence[Protected], starts: Sequence[int]) -> bool:
    """Return whether the span shares a character with one of the others, which begin at `starts`."""
    after = bisect_left(starts, span.stop)
    return after > 0 and others[after - 1].stop > span.start


def _distinct(text: str, names: Iterable[str]) -> Iterator[str]:
    """Yield the names that are neither in the text nor in each other."""
    taken: list[str] = []
    for name in names:
        if name not in text and not any(name in other or other in name for other in taken):
            taken.append(name)
            yield name
