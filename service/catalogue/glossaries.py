"""The glossaries of a catalogue: written in it, or in files of tab- or comma-separated values."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from service.catalogue.entry import CatalogueError
from service.catalogue.fields import Code, Violation, or_say, validation_error
from service.catalogue.messages import shown
from service.text.glossary import MAX_NAMED_ENTRIES, Entry, Glossary, GlossaryError, Mode
from service.text.languages import base_code
from service.yaml_file import YamlFile

_DELIMITERS = {".tsv": "\t", ".csv": ","}
_MAX_COLUMNS = 3


class TargetAndMode(BaseModel):
    """A term's translation, and whether the model may inflect it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    target: str | None
    mode: Mode = "enforce"


Target = Annotated[
    Annotated[str, Field(strict=True)] | TargetAndMode | None,
    or_say("a target is a text, null to leave the term as it is, or {target: ..., mode: prefer}"),
]


class NamedGlossary(BaseModel):
    """One glossary of the catalogue.

    Attributes:
        source_lang, target_lang: The only pair that it is for.
        entries: Targets by term.
        file: In place of `entries`: a .tsv or .csv, absolute or relative to the catalogue. Its
            columns are source, target (empty to leave the term as it is), and mode, if any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_lang: Code
    target_lang: Code
    entries: Mapping[str, Target] = Field(default_factory=dict)
    file: str | None = Field(default=None, min_length=1)
    _terms: tuple[Entry, ...] = PrivateAttr(default=())

    @property
    def terms(self) -> tuple[Entry, ...]:
        """The entries, from wherever they are."""
        return self._terms

    def with_terms(self, terms: tuple[Entry, ...]) -> "NamedGlossary":
        """Return the glossary with the entries of its file."""
        copy = self.model_copy()
        copy._terms = terms  # noqa: SLF001 - this class's own
        return copy

    @model_validator(mode="after")
    def _check(self) -> Self:
        violations: list[Violation] = []
        if ("entries" in self.model_fields_set) == (self.file is not None):
            violations.append(Violation((), "give either entries or file"))
        if self.file is not None and Path(self.file).suffix.lower() not in _DELIMITERS:
            violations.append(Violation(("file",), "a file is a .tsv or a .csv", self.file))
        if base_code(self.source_lang) == base_code(self.target_lang):
            sentence = "source_lang and target_lang are one language"
            violations.append(Violation(("target_lang",), sentence, self.target_lang))
        if violations:
            raise validation_error(*violations)
        return self


def glossaries_of(named: Mapping[str, NamedGlossary]) -> dict[str, Glossary]:
    """Return the glossaries, ready for use: some seconds and 140 MB for 100,000 entries."""
    return {
        name: Glossary(each.terms, name=name, pair=(each.source_lang, each.target_lang))
        for name, each in named.items()
    }


def filled(
    named: Mapping[str, NamedGlossary], path: Path, file: YamlFile
) -> dict[str, NamedGlossary]:
    """Return the glossaries of the catalogue `path` with all their entries, read and checked.

    Raises:
        CatalogueError: An entry cannot be, or there are too many; names file, line and value.
    """
    return {name: _filled(name, each, path, file) for name, each in named.items()}


def _filled(name: str, named: NamedGlossary, path: Path, file: YamlFile) -> NamedGlossary:
    def place(*keys: str) -> str:
        return f"{path}:{file.line(('glossaries', name, *keys))}: glossaries.{name}"

    if named.file is None:
        entries = [_entry(source, target) for source, target in named.entries.items()]
        _check(entries, lambda index: place("entries", entries[index].source))
        return named.with_terms(tuple(entries))
    source = path.parent / Path(named.file).expanduser()
    try:
        lines = _read(source)
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{place('file')}: cannot read {source}: {error}") from error
    if len(lines) > MAX_NAMED_ENTRIES:
        sentence = f"{source} has more than {MAX_NAMED_ENTRIES} entries, the most that are allowed"
        raise CatalogueError(f"{place('file')}: {sentence}")
    entries = [entry for entry, _ in lines]
    _check(entries, lambda index: f"{source}:{lines[index][1]}")
    return named.with_terms(tuple(entries))


def _entry(source: str, target: str | TargetAndMode | None) -> Entry:
    if isinstance(target, TargetAndMode):
        return Entry(source, target.target, target.mode)
    return Entry(source, target)


def _check(entries: Sequence[Entry], place_of: Callable[[int], str]) -> None:
    try:
        Glossary(entries)
    except GlossaryError as error:
        entry = entries[error.index]
        value = entry.source if error.part == "source" else entry.target
        earlier = "" if error.earlier is None else f" in {place_of(error.earlier)}"
        raise CatalogueError(
            f"{place_of(error.index)}: the {error.part} {error.about}{earlier}{shown(value)}"
        ) from error


def _read(path: Path) -> list[tuple[Entry, int]]:
    """Return the entries of a file with their lines, up to one more than are allowed.

    Raises:
        OSError, UnicodeDecodeError: The file cannot be read.
        CatalogueError: A line of it is no entry.
    """
    delimiter = _DELIMITERS[path.suffix.lower()]
    # A quote mark in tab-separated values is a character like any other.
    quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    found: list[tuple[Entry, int]] = []
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
        try:
            for row in rows:
                if any(map(str.strip, row)):
                    found.append((_from_row(row), rows.line_num))
                if len(found) > MAX_NAMED_ENTRIES:
                    break
        except UnicodeDecodeError:
            raise
        except (csv.Error, ValueError) as error:
            raise CatalogueError(f"{path}:{rows.line_num}: {error}") from error
    return found


def _from_row(row: list[str]) -> Entry:
    """Return the entry of a row.

    Raises:
        ValueError: It has more columns, or another mode, than an entry has.
    """
    if len(row) > _MAX_COLUMNS:
        raise ValueError(f"this has {len(row)} columns; they are source, target and mode")
    source, target, mode = (*map(str.strip, row), "", "")[:_MAX_COLUMNS]
    if mode not in {"", *get_args(Mode)}:
        raise ValueError(f"a mode is enforce or prefer{shown(mode)}")
    return Entry(source, target or None, "prefer" if mode == "prefer" else "enforce")
