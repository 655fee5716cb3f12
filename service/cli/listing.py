"""Records and lines of models for `dragoman models list` and `dragoman models pull`."""

import re
from pathlib import Path

from service.catalogue.catalogue import ModelEntry
from service.errors import listing
from service.settings import Settings
from service.sources.locate import ModelSource, find, origin_of

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHOWN = 12  # digits of a commit


def record_of(entry: ModelEntry, settings: Settings) -> dict[str, object]:
    """Return a model's fields of the catalogue and its files' place, for `list --json`.

    `folder` is None if the files are not on this machine.
    """
    fields = {"name", "tasks", "pairs", "languages", "styles", "path"}
    source = find(entry.path, revision=entry.revision, settings=settings)
    return {
        **entry.model_dump(mode="json", include=fields),
        "origin": origin_of(entry.path),
        "revision": entry.revision if source is None else source.revision,
        "folder": None if source is None else str(source.folder),
    }


def row_of(entry: ModelEntry, settings: Settings) -> tuple[str, str, str, str]:
    """Return a row of `list`: name, tasks, languages and styles, place of the files."""
    return entry.name, *_offers(entry), _place(entry, settings)


def record_of_download(name: str, source: ModelSource) -> dict[str, object]:
    """Return the place and size of a model's files, for `pull --json`."""
    return {
        "model": name,
        "origin": source.origin,
        "revision": source.revision,
        "folder": str(source.folder),
        "bytes": bytes_of(source.folder),
    }


def line_of(record: dict[str, object]) -> str:
    """Return the line of `pull` for such a record; `-` stands for no commit."""
    values = (value for key, value in record.items() if key != "origin")
    return "  ".join("-" if value is None else str(value) for value in values)


def bytes_of(folder: Path) -> int:
    """Return the bytes of a folder's files, without its sub-folders."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def _offers(entry: ModelEntry) -> tuple[str, str]:
    pairs = [f"{source}-{target}" for source, target in entry.pairs]
    languages = ["all languages"] if entry.languages == "all" else []
    offers = [part for part in (pairs, languages, list(entry.styles)) if part]
    return " ".join(entry.tasks), " ".join(listing(part).replace(",", "") for part in offers)


def _place(entry: ModelEntry, settings: Settings) -> str:
    source = find(entry.path, revision=entry.revision, settings=settings)
    match origin_of(entry.path):
        case "bundled":
            return "(bundled)"
        case "folder":
            return f"(folder {entry.path}{'' if source else ', which is not there'})"
        case "hub" if source is None:
            return f"(hub {_title(entry)}, not here: `dragoman models pull {entry.name}`)"
        case "hub":
            return f"(hub {_title(entry)}, here)"


def _title(entry: ModelEntry) -> str:
    """Return a hub's id with the revision, a commit shortened."""
    if entry.revision is None:
        return entry.path
    is_commit = _COMMIT.fullmatch(entry.revision) is not None
    return f"{entry.path}@{entry.revision[:_SHOWN] if is_commit else entry.revision}"
