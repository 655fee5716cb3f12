"""Which models a command without a server has to load: those that its texts may need, no other."""

from pathlib import Path

from service.catalogue import Catalogue, ModelEntry
from service.errors import TaskNotServedError
from service.languages import resolve
from service.terminal import UsageError

Entries = tuple[ModelEntry, ...]


def models_to_translate(
    catalogue: Catalogue, *, name: str | None, target: str, source: str | None
) -> Entries:
    """The catalogue's models for the languages; all translators where none fits.

    Args:
        catalogue: The models to choose from.
        name: One of them, or a folder with a checkpoint.
        target: As the user wrote it.
        source: Likewise; None stands for every language.

    Raises:
        UsageError: There is no such model.
        TaskNotServedError: No model of the catalogue translates.
    """
    if name is not None and not _is_in(catalogue, name):
        folder = _folder(catalogue, name)
        if source is None:
            raise UsageError(f"--from is needed with {name}, which the catalogue does not describe")
        return (_entry(folder, task="translation", pairs=[(source, target)]),)
    translators = _offering(catalogue, "translation", name)
    fitting = tuple(e for e in translators if _translates(e, target=target, source=source))
    return fitting or translators


def models_to_summarize(catalogue: Catalogue, *, name: str | None, style: str | None) -> Entries:
    """The catalogue's first summarizer with the style; all summarizers where none has it.

    Args:
        catalogue: The models to choose from.
        name: One of them, or a folder with a checkpoint, which then is asked for the style.
        style: None stands for every style.

    Raises:
        UsageError: There is no such model.
        TaskNotServedError: No model of the catalogue summarizes.
    """
    if name is not None and not _is_in(catalogue, name):
        styles = [] if style is None else [style]
        return (_entry(_folder(catalogue, name), task="summarization", styles=styles),)
    summarizers = _offering(catalogue, "summarization", name)
    fitting = tuple(e for e in summarizers if style is None or style in e.styles)
    return fitting[:1] or summarizers


def _is_in(catalogue: Catalogue, name: str) -> bool:
    return any(entry.name == name for entry in catalogue.models)


def _offering(catalogue: Catalogue, task: str, name: str | None) -> Entries:
    offering = tuple(e for e in catalogue.models if e.task == task and name in {None, e.name})
    if not offering and name is None:
        raise TaskNotServedError(task)
    if not offering:
        raise UsageError(f"{name} is not made for {task}")
    return offering


def _translates(entry: ModelEntry, *, target: str, source: str | None) -> bool:
    targets = {to for _, to in entry.pairs}
    sources = {lang for lang, _ in entry.pairs}
    wanted = (source and resolve(source, sources), resolve(target, targets))
    return any((source is None or a == wanted[0]) and b == wanted[1] for a, b in entry.pairs)


def _folder(catalogue: Catalogue, name: str) -> Path:
    """The folder that stands for a model which the catalogue does not describe."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        known = ", ".join(entry.name for entry in catalogue.models)
        raise UsageError(f"{name} is neither a model of the catalogue ({known}) nor a folder")
    return folder.resolve()


def _entry(folder: Path, **offers: object) -> ModelEntry:
    return ModelEntry.model_validate({"name": folder.name, "path": str(folder), **offers})
