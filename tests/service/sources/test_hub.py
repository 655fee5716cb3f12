from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from model.errors import UnsupportedModelError
from model.weights.files import INDEX_FILE, SINGLE_FILE
from service.sources.hub import Snapshot
from service.sources.hub_errors import HubError
from tests.support.hub.models import (
    COMMIT,
    HUB_ID,
    TOKEN,
    model,
    write_index,
    write_model,
    write_weights,
)
from tests.support.hub.server import Hub, running_hub, use_hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with running_hub() as hub:
        use_hub(monkeypatch, hub.url)
        yield hub


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    """Write the files of a model, as its author has them."""
    return write_model(tmp_path / "upload")


def files_of(snapshot: Snapshot) -> set[str]:
    return {path.name for path in snapshot.folder.iterdir()}


def test_what_a_model_is_loaded_from_is_downloaded_and_nothing_else(
    hub: Hub, upload: Path, tmp_path: Path
) -> None:
    hub.add(HUB_ID, upload)
    snapshot = model(tmp_path).fetch()
    assert snapshot.commit == COMMIT
    assert files_of(snapshot) == {"config.json", "vocab.json", "source.spm", SINGLE_FILE}
    assert (snapshot.folder / SINGLE_FILE).read_bytes() == (upload / SINGLE_FILE).read_bytes()


def test_the_weights_come_last_so_that_they_vouch_for_the_rest(
    hub: Hub, upload: Path, tmp_path: Path
) -> None:
    hub.add(HUB_ID, upload)
    model(tmp_path).fetch()
    assert hub.downloads()[-1] == SINGLE_FILE


def test_of_shards_those_that_the_index_names_are_downloaded(
    hub: Hub, upload: Path, tmp_path: Path
) -> None:
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    for name in (*shards, "flax.safetensors"):
        write_weights(upload / name)
    (upload / SINGLE_FILE).unlink()
    write_index(upload, *shards)
    hub.add(HUB_ID, upload)
    snapshot = model(tmp_path).fetch()
    assert {name for name in files_of(snapshot) if "safetensors" in name} == {INDEX_FILE, *shards}
    assert model(tmp_path, revision=COMMIT, offline=True).fetch() == snapshot


def test_where_there_is_one_file_and_shards_the_file_is_taken_as_the_loader_does(
    hub: Hub, upload: Path, tmp_path: Path
) -> None:
    write_index(upload, "model-00001-of-00001.safetensors")
    hub.add(HUB_ID, upload)
    snapshot = model(tmp_path).fetch()
    assert {name for name in files_of(snapshot) if "safetensors" in name} == {SINGLE_FILE}


def test_a_pinned_commit_that_is_here_needs_no_hub(hub: Hub, upload: Path, tmp_path: Path) -> None:
    hub.add(HUB_ID, upload)
    first = model(tmp_path, revision=COMMIT).fetch()
    num_requests = len(hub.requests)
    assert model(tmp_path, revision=COMMIT).fetch() == first
    assert model(tmp_path, revision=COMMIT).pull() == first
    assert len(hub.requests) == num_requests


def test_a_pinned_commit_stays_when_the_branch_moves_on(
    hub: Hub, upload: Path, tmp_path: Path
) -> None:
    hub.add(HUB_ID, upload)
    old = model(tmp_path).fetch()
    hub.add(HUB_ID, write_model(tmp_path / "newer", seed=1), commit="b" * 40)
    assert model(tmp_path, revision=COMMIT).fetch() == old
    assert model(tmp_path).fetch().commit == "b" * 40
    assert model(tmp_path, offline=True).fetch().commit == "b" * 40


def test_the_second_time_the_cache_will_do_when_the_hub_is_gone(
    hub: Hub, upload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(HUB_ID, upload)
    first = model(tmp_path).fetch()
    use_hub(monkeypatch, "http://127.0.0.1:1")
    assert model(tmp_path).fetch() == first
    with pytest.raises(HubError, match=r"no answer from 127\.0\.0\.1: Connection refused"):
        model(tmp_path).pull()


def test_a_hub_that_fails_is_no_reason_not_to_use_its_cache(
    hub: Hub, upload: Path, tmp_path: Path
) -> None:
    hub.add(HUB_ID, upload)
    first = model(tmp_path).fetch()
    hub.status = HTTPStatus.SERVICE_UNAVAILABLE
    assert model(tmp_path).fetch() == first
    with pytest.raises(HubError, match="answered with status 503"):
        model(tmp_path, revision="v2").fetch()


@pytest.mark.parametrize("by", ["DRAGOMAN_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_the_hub_is_not_asked_and_what_to_do_is_said(
    hub: Hub, upload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    hub.add(HUB_ID, upload)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", by == "HF_HUB_OFFLINE")
    offline = by == "DRAGOMAN_OFFLINE"
    with pytest.raises(HubError, match=f"`dragoman models pull {HUB_ID}` downloads it"):
        model(tmp_path, offline=offline).fetch()
    assert hub.requests == []


def test_a_download_that_was_broken_off_is_not_taken_for_a_model(
    hub: Hub, upload: Path, tmp_path: Path
) -> None:
    hub.add(HUB_ID, upload)
    snapshot = model(tmp_path).fetch()
    (snapshot.folder / SINGLE_FILE).unlink()
    assert model(tmp_path).cached() is None
    with pytest.raises(HubError, match="not all of it"):
        model(tmp_path, offline=True).fetch()
    assert model(tmp_path, revision=COMMIT).fetch() == snapshot
    assert model(tmp_path).cached() == snapshot


def test_a_tokenizer_alone_is_not_taken_for_a_model(hub: Hub, upload: Path, tmp_path: Path) -> None:
    hub.add(HUB_ID, upload)
    snapshot = model(tmp_path).fetch()
    for name in ("vocab.json", "source.spm"):
        (snapshot.folder / name).unlink()
    assert model(tmp_path).cached() is None


def test_a_revision_is_no_way_out_of_the_cache(tmp_path: Path) -> None:
    with pytest.raises(HubError, match="is no commit, branch or tag"):
        model(tmp_path, revision="refs/../../x")


def test_a_repository_of_something_else_is_refused(hub: Hub, upload: Path, tmp_path: Path) -> None:
    (upload / "config.json").unlink()
    hub.add(HUB_ID, upload)
    with pytest.raises(HubError, match=r"has no config\.json"):
        model(tmp_path).fetch()


def test_of_a_kind_that_cannot_be_loaded_no_weights_are_downloaded(
    hub: Hub, upload: Path, tmp_path: Path
) -> None:
    (upload / "config.json").write_text('{"model_type": "gpt2"}')
    hub.add(HUB_ID, upload)
    with pytest.raises(UnsupportedModelError, match=rf"{HUB_ID}: .*'gpt2' is not one of .*marian"):
        model(tmp_path).fetch()
    assert hub.downloads() == ["config.json"]


def test_weights_that_the_disk_has_no_room_for_are_not_begun(
    hub: Hub, upload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(HUB_ID, upload)
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr("service.sources.hub.shutil.disk_usage", lambda _: usage)
    with pytest.raises(HubError, match=r"has room for 100; DRAGOMAN_CACHE_FOLDER names"):
        model(tmp_path).fetch()
    assert SINGLE_FILE not in hub.downloads()


def test_the_token_is_sent_to_the_hub_and_shown_to_nobody(
    hub: Hub, upload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(HUB_ID, upload, token=TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert model(tmp_path).fetch().commit == COMMIT
    assert set(hub.tokens) == {f"Bearer {TOKEN}"}


def test_the_commit_is_logged_with_how_to_keep_it_until_it_is_pinned(
    hub: Hub, upload: Path, tmp_path: Path
) -> None:
    hub.add(HUB_ID, upload)
    with capture_logs() as logs:
        model(tmp_path).fetch()
    begin, end, hint = logs
    assert begin["commit"] == end["commit"] == hint["commit"] == COMMIT
    assert begin["bytes"] == (upload / SINGLE_FILE).stat().st_size
    assert hint["hint"] == f"`revision: {COMMIT}` in the catalogue pins it"
    with capture_logs() as logs:
        model(tmp_path, revision=COMMIT).fetch()
    assert logs == []


def test_that_the_cache_had_to_do_is_logged(hub: Hub, upload: Path, tmp_path: Path) -> None:
    hub.add(HUB_ID, upload)
    model(tmp_path).fetch()
    hub.status = HTTPStatus.BAD_GATEWAY
    with capture_logs() as logs:
        model(tmp_path).fetch()
    assert logs[0]["log_level"] == "warning"
    assert "answered with status 502" in logs[0]["reason"]
