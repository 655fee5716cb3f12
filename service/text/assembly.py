r"""Put texts and gaps together in order, piece by piece, and wrap paragraphs again on the way.

    assembly = Assembly()
    assembly.begin(wrapping=Wrapping(width=12, newline="\n> "))
    assembly.add("It is late already.") + assembly.gap("\n")    "It is late\n> already.\n"

White space may change, words never do. A run of blanks inside a segment, which a model reads as
one, is restored at the same blank of the answer, counted from the beginning.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.text.edits import Edit

# Chinese and Japanese signs, between any two of which a line may end.
WIDE = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNIT = re.compile(rf"(?P<blank> ++)|[{WIDE}]|[^ {WIDE}]++")
_IS_WIDE = re.compile(rf"[{WIDE}]")
_NEWLINE = re.compile(r"[\r\n]")
_BLANKS = re.compile(r" ++")
_SENTENCE_ENDS = ".!?…"


@dataclass(frozen=True, slots=True)
class Wrapping:
    r"""The lines of a paragraph: their greatest number of characters, and what parts them.

    `newline` is a line's end and the prefix of the next, such as "\n> "; it holds no other words.
    """

    width: int
    newline: str

    @property
    def indent(self) -> int:
        """The number of characters of the prefix."""
        return len(self.newline.lstrip("\r\n"))


class Assembly:
    """Joins texts and gaps; what each call returns is final, and all of it is the document.

    A word that may have to go to the next line is kept until it is complete.
    """

    def __init__(self, lead: str = "") -> None:
        """`lead` was written already."""
        self.edits: list[Edit] = []  # of the texts and gaps joined, to make what was returned
        self._offset = len(lead)  # of the pending blank among those
        self._column = _column(0, lead)
        self._blank = ""  # pending, before the pending word
        self._word = ""
        self._run: str | None = None  # what is written for the pending blank
        self._has_word = False  # the line, after its prefix
        self._after_wide = False
        self._wrapping: Wrapping | None = None
        self._is_plain = True
        self._runs: list[str] = []  # for the blanks to come, the next one last

    def begin(self, *, blanks: Sequence[str] = (), wrapping: Wrapping | None = None) -> None:
        """Begin a segment; `blanks` are those to write for the first, the second blank and so on.

        A blank of the new text that is a run already is left as it is.
        """
        self._wrapping = wrapping
        self._runs = list(reversed(blanks))
        self._is_plain = wrapping is None and not blanks

    def add(self, piece: str) -> str:
        """Add a piece of the segment's new text."""
        if self._is_plain:
            return self._verbatim(piece)
        return self._units(piece, is_gap=False)

    def gap(self, gap: str) -> str:
        """End the segment with the gap after it."""
        if self._wrapping is None:
            return self._verbatim(gap)
        newline = _NEWLINE.search(gap)
        if newline is None:
            return self._units(gap, is_gap=True)
        inner = self._units(gap[: newline.start()], is_gap=True)
        return inner + self._verbatim(gap[newline.start() :])

    def end(self) -> str:
        """Return what is pending after the last gap."""
        return self._verbatim("")

    def _verbatim(self, text: str) -> str:
        before = self._place() if self._blank or self._word else ""
        self._offset += len(text)
        self._column = _column(self._column, text)
        self._has_word = self._after_wide = False
        return before + text

    def _units(self, text: str, *, is_gap: bool) -> str:
        written: list[str] = []
        for unit in _UNIT.finditer(text):
            if unit["blank"] is not None:
                if self._word:
                    written.append(self._place())
                if not self._blank:
                    self._run = self._runs.pop() if self._runs and not is_gap else None
                self._blank += unit[0]
            else:
                if self._word and _IS_WIDE.match(unit[0]):
                    written.append(self._place())
                self._word += unit[0]
        return "".join(written)

    def _place(self) -> str:
        """Write the pending blank, or a line's end instead, and the pending word."""
        blank, word, wrapping = self._blank, self._word, self._wrapping
        space = blank if self._run is None or len(blank) > 1 else self._run
        may_end = bool(word) and (bool(blank) or (self._after_wide and bool(_IS_WIDE.match(word))))
        length = len(space) + len(word)
        if (
            wrapping is not None
            and may_end
            and self._has_word
            and self._column + length > wrapping.width
        ):
            space, self._column = wrapping.newline, wrapping.indent + len(word)
        else:
            self._column += length
        if space != blank:
            self.edits.append(Edit(self._offset, self._offset + len(blank), space))
        self._offset += len(blank) + len(word)
        self._has_word = self._has_word or bool(word)
        self._after_wide = bool(word) and _IS_WIDE.match(word) is not None
        self._blank, self._word, self._run = "", "", None
        return space + word


def runs_of_blanks(text: str) -> tuple[str, ...]:
    """Return the blanks of a text in order, as its answer has them; nothing if all are single.

    After the end of a sentence a run is a single blank: the answer may end it elsewhere.
    """
    if "  " not in text:
        return ()
    return tuple(
        " " if text[blank.start() - 1 : blank.start()] in _SENTENCE_ENDS else blank[0]
        for blank in _BLANKS.finditer(text)
    )


def _column(column: int, text: str) -> int:
    """Return the column after `text`, which begins at `column`."""
    newline = max(text.rfind("\n"), text.rfind("\r"))
    return len(text) - newline - 1 if newline >= 0 else column + len(text)
