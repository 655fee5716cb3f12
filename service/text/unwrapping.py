r"""Join the lines of hard-wrapped prose into paragraphs, each with what wraps it again.

A line goes on in the next if it is as long as a wrapped line would be, or ends within a sentence:
its last word, or the next line's first, is in small letters. Blank lines, bullets, numbers,
headings, tables, another depth of quotation, another indent, and two blanks at a line's end part
paragraphs. A word that is hyphenated at the line's end is joined if a small letter follows; of
"well-\nknown", too, the hyphen is lost. "Vor- \nund Nachteile" keeps it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.text.assembly import WIDE, Wrapping
from service.text.edges import line_lead
from service.text.edits import Edit
from service.text.words import has_words

_PREFIX = re.compile(r"[ \t]*+(?:>[ \t]*+)*+")
_FIRST_UNIT = re.compile(rf"[{WIDE}]|[^\s{WIDE}]++")
_WIDE_JOINT = re.compile(rf"[{WIDE}\u3000-\u303f\uff00-\uffef][{WIDE}]")
_HYPHENS = ("-", "\u2010", "\u00ad")
_AFTER_KEPT_HYPHEN = frozenset(["und", "oder", "bzw", "and", "or", "to", "et", "ou", "y", "o", "e"])
_SENTENCE_ENDS = ".!?…:;\"'”\u2019“»)]"
_MIN_WIDTH = 40  # characters of a line that is broken only because it is full
_MIN_WIDE_WIDTH = 15
_MIN_WORDS = 3  # of a line that goes on in small letters
_FULL = 0.85  # of the width is reached with the next word, as people do not wrap exactly
_HALF_FULL = 0.5


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines joined to one; `edits` make its text of the lines. `wrapping`: None for one line."""

    text: str
    num_source: int  # characters of the lines
    edits: tuple[Edit, ...] = ()
    wrapping: Wrapping | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """A line: its prefix (indent and quotation), its words, and its end with trailing blanks."""

    prefix: str
    body: str
    end: str
    is_open: bool  # may go on in the next line
    may_follow: bool  # may continue the line before

    @property
    def length(self) -> int:
        return len(self.prefix) + len(self.body)


def paragraphs(lines: Sequence[str]) -> Iterator[Paragraph]:
    """Yield the lines, which keep their ends, joined where they go on."""
    parsed = [_parse(line) for line in lines]
    start = 0
    while start < len(parsed):
        stop = start + 1
        while stop < len(parsed) and _may_follow(parsed, start, stop):
            stop += 1
        width = max(line.length for line in parsed[start:stop])
        first = start
        for at in range(start + 1, stop):
            if not _goes_on(parsed[at - 1], parsed[at], width):
                yield _join(parsed[first:at])
                first = at
        yield _join(parsed[first:stop])
        start = stop


def _parse(line: str) -> _Line:
    found = _PREFIX.match(line)
    prefix = "" if found is None else found[0]
    body = line[len(prefix) :].rstrip()
    end = line[len(prefix) + len(body) :]
    lead = line_lead(line)
    is_prose = "\t" not in body and not body.startswith("|") and any(map(str.isalnum, body))
    is_hard = len(end.rstrip("\r\n")) > 1 or body.endswith("\\") or body.startswith("#")
    return _Line(
        prefix,
        body,
        end,
        is_open=is_prose and not is_hard and end.endswith(("\n", "\r")),
        may_follow=is_prose and len(lead) <= len(prefix),
    )


def _may_follow(lines: Sequence[_Line], start: int, at: int) -> bool:
    """Return whether line `at` may belong to the paragraph that begins at `start`."""
    line, before = lines[at], lines[at - 1]
    if not (before.is_open and line.may_follow):
        return False
    if at > start + 1:
        return line.prefix == before.prefix
    return line.prefix.count(">") == before.prefix.count(">")


def _goes_on(line: _Line, following: _Line, width: int) -> bool:
    if _is_hyphenated(line, following):
        return True
    first = _FIRST_UNIT.match(following.body)
    reached = line.length + 1 + (0 if first is None else len(first[0]))
    is_wide = _is_wide_joint(line, following)
    if width >= (_MIN_WIDE_WIDTH if is_wide else _MIN_WIDTH) and reached > width * _FULL:
        return True
    words = line.body.split()
    min_words = _MIN_WORDS - 1 if line.body.endswith(",") else _MIN_WORDS
    if len(words) < min_words or line.length < width * _HALF_FULL:
        return False
    is_within = following.body[0].islower() or words[-1].islower()
    return is_within and line.body[-1] not in _SENTENCE_ENDS


def _is_hyphenated(line: _Line, following: _Line) -> bool:
    body = line.body
    return body.endswith(_HYPHENS) and body[-2:-1].isalpha() and following.body[0].islower()


def _is_wide_joint(line: _Line, following: _Line) -> bool:
    return _WIDE_JOINT.match(line.body[-1] + following.body[0]) is not None


def _join(lines: Sequence[_Line]) -> Paragraph:
    parts: list[str] = []
    edits: list[Edit] = []
    at = 0
    for position, line in enumerate(lines):
        prefix = line.prefix if position == 0 else ""
        source = len(line.prefix) + len(line.body) + len(line.end)
        if position == len(lines) - 1:
            parts += [prefix, line.body, line.end]
            at += source
            continue
        following = lines[position + 1]
        body, joint = line.body, " "
        if _is_hyphenated(line, following):
            is_kept = body[-1] != "\u00ad" and following.body.split()[0] in _AFTER_KEPT_HYPHEN
            body, joint = (body, " ") if is_kept else (body[:-1], "")
        elif _is_wide_joint(line, following):
            joint = ""
        parts += [prefix, body, joint]
        stop = at + source + len(following.prefix)
        edits.append(Edit(at + len(line.prefix) + len(body), stop, joint))
        at += source
    wrapping = None
    if len(lines) > 1:
        if not has_words("".join(parts)):
            unchanged = "".join(line.prefix + line.body + line.end for line in lines)
            return Paragraph(unchanged, len(unchanged))
        newline = lines[0].end.lstrip(" \t") + lines[1].prefix
        wrapping = Wrapping(max(line.length for line in lines), newline)
    return Paragraph("".join(parts), at, tuple(edits), wrapping)
