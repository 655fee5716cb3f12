"""The text of a segment, plain or with markup, and how its translation is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from service.spans import Link, Span
from service.text.markup.references import Writer
from service.text.markup.segments import MarkedSegment
from service.text.masking import Protected


class SourceText(Protocol):
    """A segment as a reader sees it, which knows how to put its markup into a translation."""

    @property
    def text(self) -> str:
        """The words, without markup."""
        ...

    @property
    def opaque(self) -> Sequence[Protected]:
        """Spans of `text` for elements that are copied; their replacements are markup."""
        ...

    @property
    def tag_positions(self) -> Sequence[int]:
        """The places in `text` of the tags that `place` puts into a translation, in order."""
        ...

    @property
    def needs_links(self) -> bool:
        """True if `place` puts tags where the words are that they stood at."""
        ...

    @property
    def writes_pieces(self) -> Callable[[str], str] | None:
        """Writes a piece of a translation as `place` would write it; None if it must be whole."""
        ...

    def place(
        self,
        translation: str,
        links: Sequence[Link],
        opaque: Sequence[Span],
        kept: Sequence[tuple[Span, Span]],
    ) -> str:
        """Return the translation with markup.

        Args:
            translation: A text in which the opaque elements stand as markup.
            links: Words of `text` and of `translation` that translate each other.
            opaque: Where the elements are in `translation`, in order.
            kept: Other parts of `text` that must stay whole, and where they are in `translation`.
        """
        ...


@dataclass(frozen=True, slots=True)
class PlainText:
    """A segment of plain text; `needs_links`: it is a piece of one that does."""

    text: str
    opaque: Sequence[Protected] = ()
    needs_links: bool = False
    tag_positions: Sequence[int] = ()

    @property
    def writes_pieces(self) -> Callable[[str], str] | None:
        return None if self.needs_links else str

    def place(
        self,
        translation: str,
        links: Sequence[Link],  # noqa: ARG002
        opaque: Sequence[Span],  # noqa: ARG002
        kept: Sequence[tuple[Span, Span]],  # noqa: ARG002
    ) -> str:
        return translation


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A segment of a text with markup."""

    segment: MarkedSegment

    @property
    def text(self) -> str:
        return self.segment.text

    @property
    def opaque(self) -> Sequence[Protected]:
        return self.segment.opaque

    @property
    def tag_positions(self) -> Sequence[int]:
        return [mark.position for mark in self.segment.marks]

    @property
    def needs_links(self) -> bool:
        return bool(self.segment.marks)

    @property
    def writes_pieces(self) -> Callable[[str], str] | None:
        return Writer({}).write if self.segment.is_its_own_text else None

    def place(
        self,
        translation: str,
        links: Sequence[Link],
        opaque: Sequence[Span],
        kept: Sequence[tuple[Span, Span]],
    ) -> str:
        return self.segment.place(translation, links, opaque, kept)
