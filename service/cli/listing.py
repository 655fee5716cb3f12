"""What `dragoman models list` and `dragoman models pull` say of a model."""

import re
from pathlib import Path

from service.catalogue.catalogue import ModelEntry
from service.errors import listing
from service.settings import Settings
from service.sources.locate import ModelSource, find, origin_of

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHOWN = 12  # digits of a commit


def described(entry: ModelEntry, settings: Settings) -> dict[str, object]:
    """What the catalogue says of a model, and where it is, for `--json`.

    `folder` is None where it is not on this machine.
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
    """The same, for people: name, tasks, languages or styles, and where it is."""
    return entry.name, *_offers(entry), _whence(entry, settings)


def pulled(name: str, source: ModelSource) -> dict[str, object]:
    """Where a model was put, for `--json`."""
    return {
        "model": name,
        "origin": source.origin,
        "revision": source.revision,
        "folder": str(source.folder),
        "bytes": bytes_of(source.folder),
    }


def line_of(record: dict[str, object]) -> str:
    """The same, for people; `-` where there is no commit."""
    values = (value for key, value in record.items() if key != "origin")
    return "  ".join("-" if value is None else str(value) for value in values)


def bytes_of(folder: Path) -> int:
    """The bytes of a folder's files, not of folders in it."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def _offers(entry: ModelEntry) -> tuple[str, str]:
    pairs = [f"{source}-{target}" for source, target in entry.pairs]
    languages = ["all languages"] if entry.languages == "all" else []
    offers = [part for part in (pairs, languages, list(entry.styles)) if part]
    return " ".join(entry.tasks), " ".join(listing(part).replace(",", "") for part in offers)


def _whence(entry: ModelEntry, settings: Settings) -> str:
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
    """With the revision; the first digits of a commit are enough to know it by."""
    if entry.revision is None:
        return entry.path
    is_commit = _COMMIT.fullmatch(entry.revision) is not None
    return f"{entry.path}@{entry.revision[:_SHOWN] if is_commit else entry.revision}"
