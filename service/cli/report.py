"""What a command found out about a model, as lines for people."""

import textwrap
from collections.abc import Iterable, Sequence

MAX_LINE = 90  # characters after a title

_UNITS = ("bytes", "KB", "MB", "GB", "TB")
_STEP = 1_000  # from one unit to the next


def columns(rows: Iterable[tuple[str, str]]) -> str:
    """A title in front of each text; texts of one title stand below each other."""
    rows = list(rows)
    width = max(len(title) for title, _ in rows)
    seen = ""
    lines = []
    for title, text in rows:
        lines.append(f"{'' if title == seen else title:{width}}  {text}".rstrip())
        seen = title
    return "\n".join(lines)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row, its cells below those of the row above."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    used = [index for index, width in enumerate(widths) if width]
    return ["  ".join(row[i].ljust(widths[i]) for i in used).rstrip() for row in rows]


def wrapped(text: str) -> list[str]:
    """A text in lines that a terminal has room for; one that is empty is a line, too."""
    return textwrap.wrap(text, MAX_LINE, break_on_hyphens=False) or [""]


def size(num_bytes: int) -> str:
    """12345678 as `12.3 MB`."""
    number, unit = float(num_bytes), 0
    while number >= _STEP and unit < len(_UNITS) - 1:
        number, unit = number / _STEP, unit + 1
    return f"{number:.1f} {_UNITS[unit]}" if unit else f"{num_bytes} bytes"
