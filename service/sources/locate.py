"""Where a model's files are: bundled with Dragoman, in a folder, or on a hub."""

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
    """A path under which there is no model; says how it could be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """A model's files, on this machine.

    Attributes:
        folder: Holds config.json, weights and tokenizer.
        origin: Who put them there.
        revision: The full commit, of a model from a hub only.
    """

    folder: Path
    origin: Origin
    revision: str | None = None


def origin_of(path: str, *, base: Path = Path()) -> Origin:
    """How a model's path is to be read; nothing is downloaded.

    Args:
        path: `bundled/NAME`; a folder, which begins with `/`, `./`, `../` or `~`, or exists; or a
            hub's `owner/name`.
        base: What a relative folder is relative to.

    Raises:
        SourceError: It is none of the three.
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
    """A model's files; those of a hub are downloaded if they are not here yet.

    Args:
        path: As in `origin_of`.
        revision: A commit, branch or tag, for a model of a hub; None is its newest state.
        settings: Whether a hub may be asked, and where its files are kept.
        base: What a relative folder is relative to.
        is_newest: The hub itself has to confirm a branch or tag; its cache will not do.

    Raises:
        SourceError: There is nothing of that name on this machine, or a revision of it.
        HubError: The hub does not have the model, or does not give it.
    """
    if origin_of(path, base=base) != "hub":
        return _local(path, revision=revision, base=base)
    # Its library takes a while to import, and whoever needs no hub does not need it.
    from service.sources.hub import HubModel  # noqa: PLC0415

    model = HubModel(hub_id=path, revision=revision, settings=settings)
    snapshot = model.pulled() if is_newest else model.fetched()
    return ModelSource(folder=snapshot.folder, origin="hub", revision=snapshot.commit)


def find(
    path: str, *, revision: str | None, settings: Settings, base: Path = Path()
) -> ModelSource | None:
    """As `locate`, but no hub is asked: None if the model is not on this machine.

    Raises:
        SourceError: The path can be read in none of the three ways, or has no revisions.
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
    """`owner/name@revision` as the command line takes it; None where no revision is named."""
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
    """The folder that a path means if it means one."""
    if path.startswith(BUNDLED):
        return Path(str(files("model"))) / path
    return base / Path(path).expanduser()


def _bundled() -> list[str]:
    folder = Path(str(files("model"))) / BUNDLED
    return sorted(f"{BUNDLED}{config.parent.name}" for config in folder.glob("*/config.json"))
