"""The entries of a glossary as clients send and read them: tab- or comma-separated values."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from itertools import islice

from service.errors import InvalidFieldError, show
from service.pairs import Pair
from service.tasks.glossary_documents import without_region
from service.text.glossary import MAX_NAMED_ENTRIES, MAX_TERM_CHARACTERS, parts_of

Row = tuple[int, list[str]]  # the number of its line, from 1, and its columns

_CONTROL = re.compile(r"[\x00-\x1f\x80-\x9f\u2028\u2029]")
_COLUMNS = 2
_COLUMNS_WITH_LANGUAGES = 4


def read_entries(text: str, *, kind: str, field: str, pair: Pair) -> dict[str, str]:
    """Return the targets by source, without the white space around them.

    Args:
        text: A line for each entry; a line of comma-separated values may also name the languages.
        kind: `tsv` or `csv`.
        field: Names the text in errors.
        pair: The languages, without region.

    Raises:
        InvalidFieldError: A line is no entry, or has an earlier line's source; there is none, or
            there are too many.
    """
    text = text.removeprefix("\ufeff")
    rows = _csv_rows(text, field) if kind == "csv" else _tsv_rows(text)
    lines: dict[str, int] = {}
    found: dict[str, str] = {}
    for line, columns in islice(rows, MAX_NAMED_ENTRIES + 1):
        try:
            source, target = _entry(columns, pair)
        except ValueError as error:
            raise InvalidFieldError(field, f"has a mistake in line {line}: {error}") from None
        if source in found:
            about = f"has the source term of line {lines[source]} again in line {line}"
            raise InvalidFieldError(field, about)
        found[source], lines[source] = target, line
    if not found:
        raise InvalidFieldError(field, "has no entry; it must have at least one")
    if len(found) > MAX_NAMED_ENTRIES:
        about = f"has more than {MAX_NAMED_ENTRIES} entries, the most that are allowed"
        raise InvalidFieldError(field, about)
    return found


def as_tsv(entries: Mapping[str, str]) -> str:
    """Return a line for each entry, its source and target separated by a tab."""
    return "\n".join(f"{source}\t{target}" for source, target in entries.items())


def _tsv_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(io.StringIO(text, newline="\n"), start=1):
        columns = line.removesuffix("\n").removesuffix("\r")
        if columns.strip(" "):
            yield number, columns.split("\t")


def _csv_rows(text: str, field: str) -> Iterator[Row]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for columns in rows:
            if len(columns) > 1 or "".join(columns).strip(" "):
                yield rows.line_num, columns
    except csv.Error as error:
        about = f"has a mistake in line {rows.line_num}: {error}"
        raise InvalidFieldError(field, about) from None


def _entry(columns: list[str], pair: Pair) -> tuple[str, str]:
    """Return the source and the target in the columns of a line.

    Raises:
        ValueError: They are no entry.
    """
    languages = columns[_COLUMNS:]
    if len(columns) not in {_COLUMNS, _COLUMNS_WITH_LANGUAGES}:
        raise ValueError(f"it has {len(columns)} columns; they are source and target")
    if languages and tuple(without_region(code.strip()) for code in languages) != pair:
        shown = "-".join(show(code.strip()) for code in languages)
        raise ValueError(f"its languages are {shown}, not {'-'.join(pair)}")
    source, target = columns[:_COLUMNS]
    return _term("source", source), _term("target", target)


def _term(name: str, text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError(f"its {name} term has a control character")
    term = text.strip()
    if len(term) > MAX_TERM_CHARACTERS:
        raise ValueError(
            f"its {name} term has {len(term)} characters; at most {MAX_TERM_CHARACTERS} are allowed"
        )
    if not any(map(str.isalnum, term)) and not parts_of(term):  # the first is quicker
        raise ValueError(f"its {name} term is empty")
    return term
