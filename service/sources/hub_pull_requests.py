"""Find a pull request with safetensors for a hub's model that has only a pickle.

The hub's bot converts such models and opens a pull request with the result; so may any user. It is
only suggested: the operator decides whom to trust.
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

MAX_LOOKED_INTO = 5  # pull requests by the bot, and as many by others

_LIBRARY_NAME = "dragoman"


class Author(BaseModel):
    """The account that opened a pull request."""

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
        """The revision under which the hub has its files."""
        return f"refs/pr/{self.num}"

    @property
    def rank(self) -> tuple[bool, int]:
        """Sort key, the most promising last: a title with `safetensors`, then the newest."""
        return "safetensors" in self.title.lower(), self.num


class _Page(BaseModel):
    discussions: list[PullRequest]


def pull_request_with_safetensors(hub_id: str) -> PullRequest | None:
    """Return an open pull request that has a config and safetensors; the bot's if there is one.

    Reads one page of the bot's and one of all pull requests, and the file lists of a few, within
    HF_HUB_ETAG_TIMEOUT in all.

    Returns:
        None if none of those has them.

    Raises:
        HubError: The hub refuses, or does not answer in time.
    """
    deadline = time.monotonic() + constants.HF_HUB_ETAG_TIMEOUT
    with failures_as_sentences(f"{hub_id}'s pull requests"):
        for author in (BOT, None):
            offers = _open_ones(hub_id, author=author, deadline=deadline)
            offers.sort(key=lambda offer: offer.rank, reverse=True)
            for offer in offers[:MAX_LOOKED_INTO]:
                if _can_be_loaded(hub_id, offer, deadline=deadline):
                    return offer
    return None


def _open_ones(hub_id: str, *, author: str | None, deadline: float) -> list[PullRequest]:
    """Return the open pull requests of an author; None is all authors but the bot.

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
        if listed.is_pull_request  # mirrors may ignore the query's filters
        and listed.status == "open"
        and (listed.author.name == BOT) == (author == BOT)
    ]


def _can_be_loaded(hub_id: str, offer: PullRequest, *, deadline: float) -> bool:
    try:
        info = HfApi(library_name=_LIBRARY_NAME).model_info(
            hub_id, revision=offer.revision, timeout=_time_left(deadline)
        )
    except RevisionNotFoundError:  # its branch was deleted
        return False
    names = {file.rfilename for file in info.siblings or ()}
    return CONFIG in names and has_safetensors(names)


def _time_left(deadline: float) -> float:
    """Return the seconds until the deadline; raise TimeoutError, as the network does, after it."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
