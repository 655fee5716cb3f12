"""Spans of a text, and links between the spans of a source and those of its translation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters `start` to `stop` (exclusive) of a text, in Unicode code points."""

    start: int
    stop: int

    def __add__(self, offset: int) -> "Span":
        """Return the span moved by `offset` characters."""
        return Span(self.start + offset, self.stop + offset)


@dataclass(frozen=True, slots=True)
class Link:
    """A word of the source and a word of the target that translate each other.

    Attributes:
        source: Span of the source text.
        target: Span of the target text.
        weight: 0 to 1, the model's attention from the target word to the source word.
    """

    source: Span
    target: Span
    weight: float
