"""Locate a model's files: bundled with Dragoman, in a folder, or on a hub."""

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from model.errors import ModelError
from service.settings import Settings

Origin = Literal["bundled", "folder", "hub"]

BUNDLED = "bundled/"

_FOLDER_SIGNS = ("/", "./", "../", "~")
_HUB_ID = re.compile(
    r"(?=.{3,96}$)(?!.*(?:--|\.\.|\.git$))\w[\w.-]*(?<![.-])/\w[\w.-]*(?<![.-])", re.ASCII
)


class SourceError(ModelError):
    """A path at which there is no model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """A model's files on this machine.

    Attributes:
        folder: Holds config.json, weights and tokenizer.
        origin: Whether they are bundled, an operator's folder, or from a hub.
        revision: The full commit of a model from a hub; else None.
    """

    folder: Path
    origin: Origin
    revision: str | None = None


def origin_of(path: str, *, base: Path = Path()) -> Origin:
    """Return the kind of a model's path; downloads nothing.

    Args:
        path: `bundled/NAME`; a folder, which begins with `/`, `./`, `../` or `~`, or exists; or a
            hub's `owner/name`.
        base: The folder to which a relative path is relative.

    Raises:
        SourceError: The path is none of the three.
    """
    if path.startswith(BUNDLED):
        return "bundled"
    if path in {".", ".."} or path.startswith(_FOLDER_SIGNS) or _folder(path, base).is_dir():
        return "folder"
    if _HUB_ID.fullmatch(path):
        return "hub"
    raise SourceError(
        f"there is no folder {_folder(path, base)}, and {path!r} is neither a bundled model "
        f"({', '.join(_bundled())}) nor a model of a hub (owner/name)"
    )


def locate(
    path: str,
    *,
    revision: str | None,
    settings: Settings,
    base: Path = Path(),
    is_newest: bool = False,
) -> ModelSource:
    """Return a model's files; download those of a hub that are not in its cache.

    Args:
        path: As in `origin_of`.
        revision: A commit, branch or tag, for a model of a hub; None is its newest state.
        settings: `offline` and `cache_folder`, for a hub.
        base: The folder to which a relative path is relative.
        is_newest: Ask the hub for the commit of a branch or tag; fail if it does not answer.

    Raises:
        SourceError: There is no such folder or bundled model, or it is given a revision.
        HubError: The hub lacks the model, refuses it or does not answer.
    """
    if origin_of(path, base=base) != "hub":
        return _local(path, revision=revision, base=base)
    # The hub's library takes a while to import; only models of a hub need it.
    from service.sources.hub import HubModel  # noqa: PLC0415

    model = HubModel(hub_id=path, revision=revision, settings=settings)
    snapshot = model.pull() if is_newest else model.fetch()
    return ModelSource(folder=snapshot.folder, origin="hub", revision=snapshot.commit)


def find(
    path: str, *, revision: str | None, settings: Settings, base: Path = Path()
) -> ModelSource | None:
    """Return a model's files if they are on this machine, else None; never contact a hub.

    Raises:
        SourceError: The path is none of `origin_of`'s kinds, or a folder is given a revision.
    """
    if origin_of(path, base=base) != "hub":
        is_there = _folder(path, base).is_dir()
        return _local(path, revision=revision, base=base) if is_there else None
    from service.sources.hub import HubModel  # noqa: PLC0415

    snapshot = HubModel(hub_id=path, revision=revision, settings=settings).cached()
    if snapshot is None:
        return None
    return ModelSource(folder=snapshot.folder, origin="hub", revision=snapshot.commit)


def split_revision(name: str) -> tuple[str, str | None]:
    """Split `owner/name@revision`; the revision is None if the name has none."""
    path, sign, revision = name.partition("@")
    if sign and revision and _HUB_ID.fullmatch(path) and not Path(name).exists():
        return path, revision
    return name, None


def _local(path: str, *, revision: str | None, base: Path) -> ModelSource:
    origin = origin_of(path, base=base)
    folder = _folder(path, base)
    if not folder.is_dir():
        names = f"; the bundled models are {', '.join(_bundled())}" if origin == "bundled" else ""
        raise SourceError(f"there is no folder {folder}{names}")
    if revision is not None:
        raise SourceError(
            f"{path} is a folder, which has no revision {revision!r}: only models of a hub have any"
        )
    return ModelSource(folder=folder, origin=origin)


def _folder(path: str, base: Path) -> Path:
    """Return the folder of a bundled model or of a path that is read as a folder."""
    if path.startswith(BUNDLED):
        return Path(str(files("model"))) / path
    return base / Path(path).expanduser()


def _bundled() -> list[str]:
    folder = Path(str(files("model"))) / BUNDLED
    return sorted(f"{BUNDLED}{config.parent.name}" for config in folder.glob("*/config.json"))
