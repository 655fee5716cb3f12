import shutil
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from huggingface_hub import constants

from model.weights.files import SINGLE_FILE
from service.sources.hub_errors import HubError
from service.sources.hub_pull_requests import BOT, MAX_LOOKED_INTO, pull_request_with_safetensors
from service.sources.locate import find, locate, split_revision
from tests.support.hub.models import HUB_ID, model, without_safetensors, write_index, write_model
from tests.support.hub.server import Hub, running_hub, use_hub

CONVERSION = f"hf download {HUB_ID} --local-dir ./opus && python -c"


@pytest.fixture
def converted(tmp_path: Path) -> Path:
    """Write the files of a pull request that adds safetensors."""
    return write_model(tmp_path / "converted")


@pytest.fixture
def pickled(tmp_path: Path) -> Path:
    """Write the files of a model without safetensors."""
    return without_safetensors(write_model(tmp_path / "pickled"))


@pytest.fixture
def hub(pickled: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with running_hub() as hub:
        use_hub(monkeypatch, hub.url)
        hub.add(HUB_ID, pickled)
        yield hub


def refusal(tmp_path: Path, *, revision: str | None = None) -> str:
    with pytest.raises(HubError) as failure:
        model(tmp_path, revision=revision).fetch()
    return str(failure.value)


def looked_into(hub: Hub) -> list[str]:
    """Return the pull requests whose files were listed, in order."""
    return [name.partition("/refs/pr/")[2] for name in hub.requests if "/refs/pr/" in name]


def test_the_pull_request_of_the_bot_is_named_and_nothing_is_downloaded(
    hub: Hub, converted: Path, tmp_path: Path
) -> None:
    hub.propose(HUB_ID, converted, num=45, author=BOT)
    assert refusal(tmp_path) == (
        f"{HUB_ID}: main holds only pytorch_model.bin, tf_model.h5; its pull request refs/pr/45 "
        f"(by {BOT}) holds safetensors: if you trust them, use {HUB_ID}@refs/pr/45, or `revision: "
        "refs/pr/45` in the catalogue"
    )
    assert hub.downloads() == []


def test_what_the_error_names_is_pulled_and_is_one_commit_then_also_offline(
    hub: Hub, converted: Path, tmp_path: Path
) -> None:
    commit = hub.propose(HUB_ID, converted, num=45, author=BOT)
    path, revision = split_revision(f"{HUB_ID}@refs/pr/45")
    settings = model(tmp_path).settings
    pulled = locate(path, revision=revision, settings=settings, is_newest=True)
    assert pulled.revision == commit
    assert (pulled.folder / SINGLE_FILE).read_bytes() == (converted / SINGLE_FILE).read_bytes()
    num_requests = len(hub.requests)
    for known_as in (revision, commit):
        assert find(path, revision=known_as, settings=settings) == pulled
    assert locate(path, revision=commit, settings=settings) == pulled
    assert len(hub.requests) == num_requests


def test_a_model_with_safetensors_has_no_pull_requests_looked_at(
    hub: Hub, converted: Path, tmp_path: Path
) -> None:
    hub.propose(HUB_ID, converted, num=45, author=BOT)
    model(tmp_path, revision="refs/pr/45").fetch()
    assert not [request for request in hub.requests if "discussions" in request]


def test_a_revision_that_was_named_is_the_one_that_holds_only_pickles(
    hub: Hub, converted: Path, tmp_path: Path
) -> None:
    hub.propose(HUB_ID, converted, num=45, author=BOT)
    hub.repositories[HUB_ID].refs["v2"] = "a" * 40
    message = refusal(tmp_path, revision="v2")
    assert message.startswith(f"{HUB_ID}@v2: v2 holds only pytorch_model.bin, tf_model.h5; its")
    assert f"use {HUB_ID}@refs/pr/45, or" in message


def test_without_a_pull_request_the_conversion_is_shown(hub: Hub, tmp_path: Path) -> None:
    message = refusal(tmp_path)
    assert message.startswith(
        f"{HUB_ID}: main holds only pytorch_model.bin, tf_model.h5. A pickle can run code when it "
        "is read, so it is not. No open pull request with safetensors was found; if you trust"
    )
    assert CONVERSION in message
    assert hub.downloads() == []


@pytest.mark.parametrize("heeds_queries", [True, False])  # mirrors may not
def test_the_bot_goes_before_others_and_its_newest_open_one_before_its_older_ones(
    hub: Hub, converted: Path, tmp_path: Path, *, heeds_queries: bool
) -> None:
    hub.heeds_queries = heeds_queries
    for num, author, status in (
        (2, BOT, "open"),
        (10, BOT, "open"),
        (9, BOT, "open"),
        (11, BOT, "closed"),
        (12, "somebody-else", "open"),
    ):
        hub.propose(HUB_ID, converted, num=num, author=author, status=status)
    assert f"pull request refs/pr/10 (by {BOT})" in refusal(tmp_path)
    assert looked_into(hub) == ["10"]


@pytest.mark.parametrize(
    ("author", "shown"), [("somebody-else", "somebody-else"), (None, "a deleted account")]
)
def test_of_another_author_than_the_bot_it_is_said_who(
    hub: Hub, converted: Path, tmp_path: Path, author: str | None, shown: str
) -> None:
    hub.propose(HUB_ID, converted, num=3, author=author)
    assert f"its pull request refs/pr/3 (by {shown}) holds safetensors" in refusal(tmp_path)


def test_a_pull_request_whose_title_promises_safetensors_is_looked_into_first(
    hub: Hub, converted: Path, pickled: Path, tmp_path: Path
) -> None:
    hub.propose(HUB_ID, converted, num=3, author="somebody-else")
    for num in range(4, 6 + MAX_LOOKED_INTO):
        hub.propose(HUB_ID, pickled, num=num, author="somebody-else", title="A better README")
    assert "pull request refs/pr/3 " in refusal(tmp_path)
    assert looked_into(hub) == ["3"]


def test_a_pull_request_without_safetensors_is_passed_over_and_only_a_few_are_looked_into(
    hub: Hub, converted: Path, pickled: Path, tmp_path: Path
) -> None:
    hub.propose(HUB_ID, pickled, num=20, author=BOT)
    assert CONVERSION in refusal(tmp_path)
    hub.propose(HUB_ID, converted, num=19, author=BOT)
    assert f"pull request refs/pr/19 (by {BOT})" in refusal(tmp_path)
    for num in range(21, 21 + MAX_LOOKED_INTO):
        hub.propose(HUB_ID, pickled, num=num, author=BOT)
    hub.requests.clear()
    assert CONVERSION in refusal(tmp_path)
    assert len(looked_into(hub)) == MAX_LOOKED_INTO


def test_a_pull_request_that_lacks_the_configuration_is_passed_over(
    hub: Hub, converted: Path, tmp_path: Path
) -> None:
    (converted / "config.json").unlink()
    hub.propose(HUB_ID, converted, num=45, author=BOT)
    assert CONVERSION in refusal(tmp_path)


def test_a_pull_request_with_shards_holds_safetensors(
    hub: Hub, converted: Path, tmp_path: Path
) -> None:
    shard = "model-00001-of-00001.safetensors"
    shutil.move(converted / SINGLE_FILE, converted / shard)
    write_index(converted, shard)
    hub.propose(HUB_ID, converted, num=45, author=BOT)
    assert "pull request refs/pr/45 " in refusal(tmp_path)


def test_a_pull_request_whose_files_are_gone_is_passed_over(
    hub: Hub, converted: Path, tmp_path: Path
) -> None:
    for num in (44, 45):
        hub.propose(HUB_ID, converted, num=num, author=BOT)
    del hub.repositories[HUB_ID].refs["refs/pr/45"]
    assert "pull request refs/pr/44 " in refusal(tmp_path)


@pytest.mark.parametrize("heeds_queries", [True, False])
def test_a_discussion_is_no_pull_request(
    hub: Hub, converted: Path, tmp_path: Path, *, heeds_queries: bool
) -> None:
    hub.heeds_queries = heeds_queries
    hub.propose(HUB_ID, converted, num=45, author=BOT, isPullRequest=False)
    assert CONVERSION in refusal(tmp_path)
    assert looked_into(hub) == []


@pytest.mark.parametrize("route", ["/discussions", "/refs/pr/45"])
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (HTTPStatus.SERVICE_UNAVAILABLE, "127.0.0.1 answered with status 503"),
        (HTTPStatus.FORBIDDEN, "127.0.0.1 refuses it (403)"),
    ],
)
def test_a_hub_that_does_not_say_hides_neither_the_error_nor_the_conversion(
    hub: Hub, converted: Path, tmp_path: Path, route: str, status: HTTPStatus, reason: str
) -> None:
    hub.propose(HUB_ID, converted, num=45, author=BOT)
    hub.failures[route] = status
    message = refusal(tmp_path)
    assert message.startswith(f"{HUB_ID}: main holds only pytorch_model.bin, tf_model.h5. ")
    assert f"but they could not be listed ({HUB_ID}'s pull requests: {reason}" in message
    assert "Perhaps one of its pull requests has safetensors (the revision refs/pr/1," in message
    assert CONVERSION in message


def test_an_answer_that_is_no_list_is_a_failure_like_any(hub: Hub, tmp_path: Path) -> None:
    hub.failures["/discussions"] = HTTPStatus.OK  # with an empty body
    assert "could not be listed" in refusal(tmp_path)


@pytest.mark.parametrize("route", ["/discussions", "/refs/pr/45"])
def test_a_hub_that_keeps_silent_is_waited_for_no_longer_than_for_anything_else(
    hub: Hub, converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    hub.propose(HUB_ID, converted, num=45, author=BOT)
    hub.silent_at = route  # until the test is over
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 1)
    message = refusal(tmp_path)
    assert f"({HUB_ID}'s pull requests: no answer from 127.0.0.1: " in message
    assert CONVERSION in message


def test_when_the_time_is_up_nothing_more_is_asked(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0)
    with pytest.raises(HubError, match=r"no answer from 127\.0\.0\.1: TimeoutError"):
        pull_request_with_safetensors(HUB_ID)
    assert hub.requests == []


def test_offline_no_pull_request_is_asked_for(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(HubError, match="not on this machine"):
        model(tmp_path, offline=True).fetch()
    assert hub.requests == []
