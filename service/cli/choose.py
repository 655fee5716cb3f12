"""Choose the models that a command without a server loads: only those its texts may need."""

import re
from collections.abc import Sequence
from pathlib import Path

from service.catalogue.catalogue import Catalogue, ModelEntry
from service.cli.terminal import CommandError, UsageError
from service.errors import TaskNotServedError, listing
from service.settings import Settings
from service.sources.locate import ModelSource, SourceError, find, locate, origin_of, split_revision
from service.text.languages import resolve

Entries = tuple[ModelEntry, ...]


def models_to_translate(
    catalogue: Catalogue, *, name: str | None, target: str, source: str | None
) -> Entries:
    """Return the catalogue's models for the languages; all translators if none fits.

    Args:
        catalogue: The models to choose from.
        name: One of them, a folder with a checkpoint, or a hub's `owner/name@revision`.
        target: The target language's code, as the user wrote it.
        source: The source language's code, as the user wrote it; None is any language.

    Raises:
        UsageError: There is no such model.
        TaskNotServedError: No model of the catalogue translates.
    """
    if name is not None and not _is_described(catalogue, name, task="translation"):
        place = _place_of(catalogue, name)
        if source is None:
            raise UsageError(f"--from is needed with {name}, which the catalogue does not describe")
        return (_entry(place, task="translation", pairs=[(source, target)]),)
    translators = _offering(catalogue, "translation", name)
    fitting = tuple(e for e in translators if _translates(e, target=target, source=source))
    return fitting or translators


def models_to_summarize(catalogue: Catalogue, *, name: str | None, style: str | None) -> Entries:
    """Return the catalogue's first summarizer with the style; all summarizers if none has it.

    Args:
        catalogue: The models to choose from.
        name: As for `models_to_translate`; a model that is not in the catalogue is assumed to have
            the style.
        style: None is any style.

    Raises:
        UsageError: There is no such model.
        TaskNotServedError: No model of the catalogue summarizes.
    """
    if name is not None and not _is_described(catalogue, name, task="summarization"):
        styles = [] if style is None else [style]
        return (undescribed(catalogue, name, task="summarization", styles=styles),)
    summarizers = _offering(catalogue, "summarization", name)
    fitting = tuple(e for e in summarizers if style is None or style in e.styles)
    return fitting[:1] or summarizers


def entry_of(catalogue: Catalogue, name: str) -> ModelEntry | None:
    """Return the catalogue's entry with that name, else the one with that path; None if neither."""
    named = (entry for entry in catalogue.models if entry.name == name)
    at_path = (entry for entry in catalogue.models if _is_at(entry, name))
    return next(named, None) or next(at_path, None)


def undescribed(catalogue: Catalogue, name: str, **offers: object) -> ModelEntry:
    """Return an entry for a model that is not in the catalogue.

    Args:
        catalogue: Its names are listed in the error.
        name: A folder with a checkpoint, or a hub's `owner/name@revision`.
        offers: Fields of the entry: task, pairs, styles.

    Raises:
        UsageError: The name is neither.
    """
    return _entry(_place_of(catalogue, name), **offers)


def on_this_machine(entries: Sequence[ModelEntry], settings: Settings) -> Entries:
    """Download the models of a hub; return the entries, pinned to the downloaded commits.

    Raises:
        HubError: A hub lacks a model, refuses it or does not answer.
    """
    return tuple(_pinned(entry, settings) for entry in entries)


def source_of(entry: ModelEntry, settings: Settings, *, is_newest: bool = False) -> ModelSource:
    """Return an entry's files, as `locate` does."""
    return locate(entry.path, revision=entry.revision, settings=settings, is_newest=is_newest)


def source_here(entry: ModelEntry, settings: Settings) -> ModelSource:
    """Return an entry's files, if they are on this machine.

    Raises:
        CommandError: They have not been downloaded.
        SourceError: The folder is missing.
    """
    source = find(entry.path, revision=entry.revision, settings=settings)
    if source is not None:
        return source
    if origin_of(entry.path) != "hub":
        return source_of(entry, settings)  # raises, naming the missing folder
    at = "" if entry.revision is None else f"@{entry.revision}"
    raise CommandError(
        f"{entry.path}{at} is not on this machine; `dragoman models pull {entry.path}{at}` "
        "downloads it"
    )


def _pinned(entry: ModelEntry, settings: Settings) -> ModelEntry:
    if origin_of(entry.path) != "hub":
        return entry
    return entry.model_copy(update={"revision": source_of(entry, settings).revision})


def _place_of(catalogue: Catalogue, name: str) -> dict[str, str | None]:
    """Return the path and revision of a name that is not in the catalogue."""
    path, revision = split_revision(name)
    try:
        origin = origin_of(path)
    except SourceError:
        known = listing([entry.name for entry in catalogue.models])
        raise UsageError(
            f"{name} is neither a model of the catalogue ({known}) nor a folder nor a model of a "
            "hub (owner/name)"
        ) from None
    if origin == "folder":
        path = str(Path(path).expanduser().resolve())
        if not Path(path).is_dir():
            raise UsageError(f"there is no folder {path}")
    return {"path": path, "revision": revision}


def _entry(place: dict[str, str | None], **offers: object) -> ModelEntry:
    path = str(place["path"])
    name = re.sub(r"[^\w.-]", "_", Path(path).name).lstrip(".-") or "model"
    is_folder = origin_of(path) == "folder"
    return ModelEntry.model_validate({**place, "name": name if is_folder else path, **offers})


def _is_described(catalogue: Catalogue, name: str, *, task: str) -> bool:
    """Return whether the catalogue has the name, or its files for the task.

    Files that the catalogue has for other tasks only count as not described.
    """
    entry = entry_of(catalogue, name)
    return entry is not None and (entry.name == name or task in entry.tasks)


def _is_at(entry: ModelEntry, name: str) -> bool:
    path, revision = split_revision(name)
    if entry.path == path:
        return revision in {None, entry.revision}
    folder, other = Path(path).expanduser(), Path(entry.path)
    return folder.is_dir() and other.is_dir() and folder.samefile(other)


def _offering(catalogue: Catalogue, task: str, name: str | None) -> Entries:
    if name is None:
        offering = tuple(entry for entry in catalogue.models if task in entry.tasks)
        if not offering:
            raise TaskNotServedError(task)
        return offering
    entry = entry_of(catalogue, name)
    if entry is None or task not in entry.tasks:
        raise UsageError(f"{name} is not made for {task}")
    return (entry,)


def _translates(entry: ModelEntry, *, target: str, source: str | None) -> bool:
    if entry.languages == "all":  # those of its vocabulary, which is not read here
        return True
    found = resolve(target, entry.pairs.targets)
    if found is None or source is None:
        return found is not None
    return (resolve(source, entry.pairs.sources), found) in entry.pairs
