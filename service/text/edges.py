"""Part what stands at the edges of a line from its words: bullets, numbers, marks, emoji.

    edges("> 1. **Go home.** ✅")    ("> 1. **", "Go home.", "** ✅")

Quotation marks stay with the words, since the answer has those of its own language.
"""

import re
from collections.abc import Iterator

from service.text.words import has_words

# Emoji, stars, arrows, notes, boxes; not ©, ®, ™, ° and №, which belong to a word.
_SYMBOLS = (
    "\u2190-\u21ff\u231a\u231b\u23cf\u23e9-\u23fa\u2460-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff\u2022\u2023\u2043"
)
_JOINERS = "\u200d\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f"
_SYMBOL = rf"(?:[{_SYMBOLS}][{_JOINERS}]*+|[0-9#*]\ufe0f?+\u20e3)"
# Words after an ordinal at the beginning of a German line.
_AFTER_ORDINAL = """Januar Jänner Februar März April Mai Juni Juli August September Oktober November
Dezember und oder bis FC Bundesliga Liga Weltkrieg Stock Platz Halbzeit Jahrhundert Klasse Advent"""
_LEAD = re.compile(
    rf"""(?:
      \s++
    | > (?=[\s>]|[^\W\d_]|[*_"'“„«]|$)                # quoted
    | \#{{1,6}}+ (?=\s)                               # a heading
    | [*+•‣\u2043◦·\u2013—-] (?=\s)                             # a bullet or dash
    | [—\u2013] (?=[\w¿¡«"'“„])                            # direct speech
    | - (?=[¿¡]|[A-ZÀ-Þ](?:\s|[a-zß-ÿ]))              # direct speech, as in subtitles
    | \[ [\sxX] \] (?=\s)                             # a box to tick
    | [-=]+> (?=\s)
    | [=~*_\#-]{{2,}}+ (?=\s)                         # a rule
    | \(? (?: \d{{1,3}}+ | [A-Za-z] | [ivxIVX]{{2,5}}+ ) \) (?=\s)
    | \[ \d{{1,3}}+ \] (?=\s)
    | \d{{1,3}}+ \.\)? (?=\s) (?! \s++ (?: {"|".join(_AFTER_ORDINAL.split())} ) \b )
    | \d{{1,3}}+ (?: \. \d{{1,3}}+ )++ \. (?=\s)
    | \d{{1,3}}+ (?: \. \d{{1,3}}+ ){{2,}}+ (?=\s++ [A-ZÀ-ÞА-Я])
    | {_SYMBOL}
    )++""",
    re.VERBOSE,
)
_IS_SYMBOL = re.compile(rf"[{_SYMBOLS}]")
_IS_JOINER = re.compile(rf"[{_JOINERS}]")
_EMPHASIS = re.compile(r"(?P<mark>\*{1,3}|_{1,3}|~~)(?=[^\s*_~])")
_RULE = re.compile(r"(?P<rule>[=~*_#-])(?P=rule)*\s+\Z")
_MAX_NUMBER = 6  # characters of a number in letters, as in "viii)"
_FIRST_SYMBOL = "\u2022"  # all others come after it


def edges(part: str) -> tuple[str, str, str]:
    """Return what is before the words of a line, cell or sentence, the words, and what is after.

    Without words, all of it is before.
    """
    core = part.rstrip()
    if core and core[0].isalpha() and core[-1] < _FIRST_SYMBOL and ")" not in core[:_MAX_NUMBER]:
        return ("", core, part[len(core) :]) if has_words(core) else (part, "", "")
    lead = _LEAD.match(part)
    start = 0 if lead is None else lead.end()
    stop = _end(part, start)
    if start < stop:
        stop = _closing_rule(part, start, stop)
        start, stop = _inside_emphasis(part, start, stop)
    core = part[start:stop]
    if not has_words(core):
        return part, "", ""
    return part[:start], core, part[stop:]


def line_lead(line: str) -> str:
    """Return what stands before the words of a line."""
    lead = _LEAD.match(line)
    return "" if lead is None else lead[0]


def _end(part: str, start: int) -> int:
    """Return where the white space and symbols at the end begin."""
    stop = at = start + len(part[start:].rstrip())
    while at > start:
        last = part[at - 1]
        if last < _FIRST_SYMBOL and not last.isspace():
            if last not in "0123456789#*" or not part.startswith(("\ufe0f\u20e3", "\u20e3"), at):
                break
            stop = at = at - 1
        elif last.isspace() or _IS_JOINER.match(last):
            at -= 1
        elif _IS_SYMBOL.match(last):
            stop = at = at - 1
        else:
            break
    return start + len(part[start:stop].rstrip())


def _closing_rule(part: str, start: int, stop: int) -> int:
    """Return where a rule at the end begins that is like the one before the words: "== A =="."""
    rule = _RULE.search(part, max(0, start - 12), start)
    if rule is None:
        return stop
    inner = part[start:stop].rstrip(rule["rule"])
    return start + len(inner.rstrip()) if inner[-1:].isspace() else stop


def _inside_emphasis(part: str, start: int, stop: int) -> tuple[int, int]:
    """Return the part without marks of emphasis if they are around all of it."""
    emphasis = _EMPHASIS.match(part, start, stop)
    if emphasis is None:
        return start, stop
    mark = emphasis["mark"]
    inner_start, inner_stop = start + len(mark), stop - len(mark)
    is_around = inner_start < inner_stop and part.endswith(mark, inner_start, stop)
    inner = part[inner_start:inner_stop]
    if not is_around or mark[0] in inner or inner[-1:].isspace():
        return start, stop
    return (inner_start, inner_stop) if mark[0] != "_" or " " in inner else (start, stop)


_CELL_END = re.compile(r"\t++|(?<=\S) {4,}+(?=\S)")
_PIPE = re.compile(r"(?<![^\s])\|++(?!\S)")
_ROW_PIPE = re.compile(r"(?<!\\)\|++")
_RUN = re.compile(r"(?<=\S) {2,3}(?=\S)")


def cells(line: str) -> Iterator[tuple[str, bool]]:
    """Yield the cells of a line and what is between them, which is marked by False.

    Tabs part cells, and pipes, and four blanks or more. Two or three blanks do so where a line has
    them twice or more and no small letter follows: in columns, not in prose.
    """
    ends = sorted(_cell_ends(line))
    at = 0
    for start, stop in ends:
        if start > at:
            yield line[at:start], True
        if stop > at:
            yield line[max(start, at) : stop], False
            at = stop
    if at < len(line):
        yield line[at:], True


def _cell_ends(line: str) -> Iterator[tuple[int, int]]:
    if "\t" in line or "    " in line:
        yield from (match.span() for match in _CELL_END.finditer(line))
    if "|" in line:
        is_row = line.lstrip(" \t>").startswith("|")
        if is_row or "`" not in line:
            pattern = _ROW_PIPE if is_row else _PIPE
            yield from (match.span() for match in pattern.finditer(line))
    if "  " in line:
        runs = [match.span() for match in _RUN.finditer(line)]
        if len(runs) > 1 and all(_parts_columns(line, *run) for run in runs):
            yield from runs


def _parts_columns(line: str, start: int, stop: int) -> bool:
    return not line[stop].islower() and line[start - 1] not in ".!?:;,…"
