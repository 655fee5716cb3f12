"""The pull requests of a hub's model, one of which may have the safetensors that it lacks.

Many models are published as a pickle alone. The hub's bot converts them, and offers the result as
a pull request, as anybody may. Whether to use it is for an operator to decide: it is found here,
not taken.
"""

import time

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import RevisionNotFoundError
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # which imports them lazily
    build_hf_headers,
    get_session,
    hf_raise_for_status,
)
from pydantic import BaseModel, Field

from service.sources.hub_errors import failures_as_sentences
from service.sources.hub_files import CONFIG, has_safetensors

BOT = "SFconvertbot"  # of https://huggingface.co/spaces/safetensors/convert

MAX_LOOKED_INTO = 5  # of the bot's, and of all others'

_LIBRARY_NAME = "dragoman"


class Author(BaseModel):
    """Who opened a pull request."""

    name: str = "a deleted account"


class PullRequest(BaseModel):
    """A pull request or discussion, as the hub lists it."""

    num: int
    title: str
    status: str
    is_pull_request: bool = Field(alias="isPullRequest")
    author: Author = Author()

    @property
    def revision(self) -> str:
        """Under which name its files are to be had."""
        return f"refs/pr/{self.num}"

    @property
    def promise(self) -> tuple[bool, int]:
        """What is to be looked into first is greatest: what says it has them, then the newest."""
        return "safetensors" in self.title.lower(), self.num


class _Page(BaseModel):
    discussions: list[PullRequest]


def pull_request_with_safetensors(hub_id: str) -> PullRequest | None:
    """An open pull request whose files a model can be loaded from: the bot's newest, or another's.

    The hub is asked for one page of each list, and for the files of a few. All of it may take as
    long as one question else: HF_HUB_ETAG_TIMEOUT.

    Returns:
        None if there is none among those.

    Raises:
        HubError: The hub does not say, or not in time.
    """
    deadline = time.monotonic() + constants.HF_HUB_ETAG_TIMEOUT
    with failures_as_sentences(f"{hub_id}'s pull requests"):
        for author in (BOT, None):
            offers = _open_ones(hub_id, author=author, deadline=deadline)
            offers.sort(key=lambda offer: offer.promise, reverse=True)
            for offer in offers[:MAX_LOOKED_INTO]:
                if _can_be_loaded(hub_id, offer, deadline=deadline):
                    return offer
    return None


def _open_ones(hub_id: str, *, author: str | None, deadline: float) -> list[PullRequest]:
    """Those of an author; None is all but the bot.

    (The library's `get_repo_discussions` asks without a timeout, and for all pages.)
    """
    answer = get_session().get(
        f"{constants.ENDPOINT}/api/models/{hub_id}/discussions",
        params={"type": "pull_request", "status": "open"} | ({"author": author} if author else {}),
        headers=build_hf_headers(library_name=_LIBRARY_NAME),
        timeout=_time_left(deadline),
    )
    hf_raise_for_status(answer)
    return [
        listed
        for listed in _Page.model_validate_json(answer.content).discussions
        if listed.is_pull_request  # not every mirror heeds what it was asked for
        and listed.status == "open"
        and (listed.author.name == BOT) == (author == BOT)
    ]


def _can_be_loaded(hub_id: str, offer: PullRequest, *, deadline: float) -> bool:
    try:
        info = HfApi(library_name=_LIBRARY_NAME).model_info(
            hub_id, revision=offer.revision, timeout=_time_left(deadline)
        )
    except RevisionNotFoundError:  # its branch may be gone
        return False
    names = {file.rfilename for file in info.siblings or ()}
    return CONFIG in names and has_safetensors(names)


def _time_left(deadline: float) -> float:
    """Seconds; a deadline that has passed is a failure like that of the network."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
