"""Put stand-ins that a model copies in place of what must come back unchanged, and back again."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

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
    free = _unused(text, names)
    chosen = tuple(name for _, name in zip(protected, free, strict=False))
    if len(chosen) < len(protected):
        return None
    edits = [Edit(p.start, p.stop, n) for p, n in zip(protected, chosen, strict=True)]
    return Masked(Edited.of(text, edits), tuple(protected), chosen)


def leftmost_longest(spans: Iterable[Protected]) -> tuple[Protected, ...]:
    """Return the spans without those that overlap an earlier or a longer one at the same place."""
    kept: list[Protected] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.stop)):
        if not kept or span.start >= kept[-1].stop:
            kept.append(span)
    return tuple(kept)


def _unused(text: str, names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if name not in text)
