"""Find a hub's model in its cache on this machine, or download it there.

`huggingface_hub` finds the token itself: in HF_TOKEN, or where `hf auth login` wrote it.
"""

import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, ModelInfo, constants, hf_hub_download, try_to_load_from_cache

from model.errors import CheckpointError
from model.families.registry import family_of
from model.json_file import read_json_object
from model.weights.files import CONVERT, INDEX_FILE, SINGLE_FILE
from service.settings import Settings
from service.sources.hub_errors import HubError, failures_as_sentences
from service.sources.hub_files import (
    COMMIT,
    CONFIG,
    PICKLES,
    TOKENIZER_FILES,
    has_safetensors,
    is_complete,
    matches,
    remember,
    shards_of,
)
from service.sources.hub_pull_requests import pull_request_with_safetensors
from service.telemetry.log import get_logger

DEFAULT_REVISION = "main"

_REVISION = re.compile(r"(?!.*\.\.)\w[\w./-]*", re.ASCII)  # it becomes part of a file's path

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A model's files at one commit, in the cache."""

    folder: Path
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """A model of the hub at a revision.

    Attributes:
        hub_id: `owner/name`.
        revision: A commit, branch or tag; None is the main branch's newest commit.
        settings: `offline` and `cache_folder`.
    """

    hub_id: str
    revision: str | None
    settings: Settings

    def __post_init__(self) -> None:
        if self.revision is not None and not _REVISION.fullmatch(self.revision):
            raise HubError(f"{self.hub_id}: {self.revision!r} is no commit, branch or tag")

    def __str__(self) -> str:
        return self.hub_id if self.revision is None else f"{self.hub_id}@{self.revision}"

    @property
    def is_pinned(self) -> bool:
        """True if the revision is a commit, so that its files never change."""
        return self.revision is not None and COMMIT.fullmatch(self.revision) is not None

    @property
    def is_offline(self) -> bool:
        """True if the hub must not be contacted."""
        return self.settings.offline or constants.HF_HUB_OFFLINE

    def cached(self) -> Snapshot | None:
        """Return the snapshot in the cache; None if it is missing or incomplete."""
        config = try_to_load_from_cache(
            self.hub_id,
            CONFIG,
            cache_dir=self.settings.cache_folder,
            revision=self.revision or DEFAULT_REVISION,
        )
        if not isinstance(config, str):
            return None
        folder = Path(config).parent
        return Snapshot(folder=folder, commit=folder.name) if is_complete(folder) else None

    def fetch(self) -> Snapshot:
        """Return the hub's current snapshot, downloaded if it is not in the cache.

        A cached commit is returned without contacting the hub. If the hub does not answer, the
        cached snapshot of a branch or tag is returned with a warning, as a service must start while
        its hub is down.

        Raises:
            HubError: The hub lacks the model or refuses it, or does not answer and the cache has
                no snapshot.
        """
        here = self.cached()
        if here is None or not (self.is_pinned or self.is_offline):
            try:
                info = self.ask()
            except HubError as error:
                if here is None:
                    raise
                logger.warning("the hub's cache has to do", model=str(self), reason=str(error))
            else:
                here = self.download(info)
        if not self.is_pinned:
            logger.info(
                "a model that may change",
                model=str(self),
                commit=here.commit,
                hint=f"`revision: {here.commit}` in the catalogue pins it",
            )
        return here

    def pull(self) -> Snapshot:
        """Return the hub's current snapshot, like `fetch`; for a branch or tag, ask the hub always.

        Raises:
            HubError: The hub lacks the model, refuses it or does not answer.
        """
        here = self.cached()
        return here if here is not None and self.is_pinned else self.download(self.ask())

    def ask(self) -> ModelInfo:
        """Return the hub's record of the model: its commit, and its files with their sizes.

        Raises:
            HubError: The hub lacks the model, refuses it or does not answer; or it is offline.
        """
        if self.is_offline:
            raise HubError(
                f"{self}: not on this machine, or not all of it, and DRAGOMAN_OFFLINE or "
                f"HF_HUB_OFFLINE forbids to ask the hub; without it, `dragoman models pull {self}` "
                "downloads it"
            )
        with failures_as_sentences(str(self)):
            return HfApi(library_name="dragoman").model_info(
                self.hub_id,
                revision=self.revision or DEFAULT_REVISION,
                timeout=constants.HF_HUB_ETAG_TIMEOUT,
                files_metadata=True,
            )

    def download(self, info: ModelInfo) -> Snapshot:
        """Download the files needed to load the model, at the commit of `info`; never pickles.

        Weights are downloaded last, so a folder with all weights has all files.
        (The library's `snapshot_download` asks for a list of files without a timeout.) Progress
        bars go to standard error, if that is a terminal.

        Raises:
            UnsupportedModelError: No family supports its `model_type`; the weights are not
                downloaded.
            HubError: A download fails, or the disk has no room for the weights.
        """
        commit = info.sha or ""
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
        self._check_files(sizes)
        config = self._get(CONFIG, commit=commit)
        self._check_kind(config)
        folder = config.parent
        for name in sizes:
            if matches(name, ("generation_config.json", *TOKENIZER_FILES)):
                self._get(name, commit=commit)
        if SINGLE_FILE not in sizes:
            self._get(INDEX_FILE, commit=commit)
        weights = [SINGLE_FILE] if SINGLE_FILE in sizes else shards_of(folder)
        missing = {name: sizes.get(name, 0) for name in weights if not (folder / name).exists()}
        if missing:
            self._get_weights(missing, folder=folder)
        remember(self.revision or DEFAULT_REVISION, folder)
        return Snapshot(folder=folder, commit=commit)

    def _check_files(self, sizes: Mapping[str, int]) -> None:
        """Raise HubError, before any download, if the repository cannot be loaded."""
        if CONFIG not in sizes:
            raise HubError(f"{self}: has no {CONFIG}; it is not a model for `transformers`")
        if has_safetensors(sizes):
            return
        pickles = sorted(name for name in sizes if matches(name, PICKLES))
        if not pickles:
            raise HubError(f"{self}: holds neither {SINGLE_FILE} nor {INDEX_FILE}")
        held = f"{self.revision or DEFAULT_REVISION} holds only {', '.join(pickles)}"
        raise HubError(f"{self}: {held}{self._instead_of_pickles()}")

    def _instead_of_pickles(self) -> str:
        """Return the end of an error message: what to use instead of a pickle, which is unsafe."""
        try:
            offer = pull_request_with_safetensors(self.hub_id)
        except HubError as error:
            others = (
                "Perhaps one of its pull requests has safetensors (the revision refs/pr/1, for "
                f"one), but they could not be listed ({error})"
            )
        else:
            if offer is not None:
                return (
                    f"; its pull request {offer.revision} (by {offer.author.name}) holds "
                    f"safetensors: if you trust them, use {self.hub_id}@{offer.revision}, or "
                    f"`revision: {offer.revision}` in the catalogue"
                )
            others = "No open pull request with safetensors was found"
        name = self.hub_id.rpartition("/")[2]
        return (
            ". A pickle can run code when it is read, so it is not. "
            f"{others}; if you trust the pickle, convert it once and use the folder: "
            f"hf download {self.hub_id} --local-dir ./{name} && {CONVERT} ./{name}"
        )

    def _check_kind(self, config: Path) -> None:
        try:
            family_of(read_json_object(config))
        except CheckpointError as error:
            raise type(error)(f"{self}: {error}") from error

    def _get(self, name: str, *, commit: str) -> Path:
        with failures_as_sentences(str(self)):
            path = hf_hub_download(
                self.hub_id,
                name,
                revision=commit,
                cache_dir=self.settings.cache_folder,
                etag_timeout=constants.HF_HUB_ETAG_TIMEOUT,
                library_name="dragoman",
            )
        return Path(path)

    def _get_weights(self, missing: Mapping[str, int], *, folder: Path) -> None:
        num_bytes, free = sum(missing.values()), shutil.disk_usage(folder).free
        if num_bytes > free:
            raise HubError(
                f"{self}: its weights take {num_bytes:,} bytes, but {folder} has room for "
                f"{free:,}; DRAGOMAN_CACHE_FOLDER names another place"
            )
        about = {"model": str(self), "commit": folder.name}
        logger.info("downloading weights", files=len(missing), bytes=num_bytes, **about)
        begin = time.perf_counter()
        for name in missing:
            self._get(name, commit=folder.name)
        logger.info("downloaded weights", seconds=round(time.perf_counter() - begin, 1), **about)
