"""Lay out lines and tables for a terminal."""

import textwrap
from collections.abc import Iterable, Sequence

MAX_LINE = 90  # characters after a title

_UNITS = ("bytes", "KB", "MB", "GB", "TB")
_STEP = 1_000  # from one unit to the next


def columns(rows: Iterable[tuple[str, str]]) -> str:
    """Return lines of title and text, aligned; a title is shown once for consecutive texts."""
    rows = list(rows)
    width = max(len(title) for title, _ in rows)
    seen = ""
    lines = []
    for title, text in rows:
        lines.append(f"{'' if title == seen else title:{width}}  {text}".rstrip())
        seen = title
    return "\n".join(lines)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row, with aligned columns; empty columns are left out."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    used = [index for index, width in enumerate(widths) if width]
    return ["  ".join(row[i].ljust(widths[i]) for i in used).rstrip() for row in rows]


def wrapped(text: str) -> list[str]:
    """Wrap a text at 90 characters; an empty text is one empty line."""
    return textwrap.wrap(text, MAX_LINE, break_on_hyphens=False) or [""]


def size(num_bytes: int) -> str:
    """Return 12345678 as `12.3 MB`."""
    number, unit = float(num_bytes), 0
    while number >= _STEP and unit < len(_UNITS) - 1:
        number, unit = number / _STEP, unit + 1
    return f"{number:.1f} {_UNITS[unit]}" if unit else f"{num_bytes} bytes"
