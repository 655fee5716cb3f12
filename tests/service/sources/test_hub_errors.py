from collections.abc import Iterator
from pathlib import Path

import pytest

from service.sources.hub_errors import HubError
from tests.support.hub.models import HUB_ID, TOKEN, model, write_model
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


@pytest.mark.usefixtures("hub")
def test_a_model_that_is_nowhere_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(HubError) as failure:
        model(tmp_path).fetch()
    assert str(failure.value) == (
        f"{HUB_ID}: there is no such model at 127.0.0.1, or it is private and HF_TOKEN holds no "
        "token that may read it; nor is there a folder of that name here"
    )


def test_a_revision_that_the_model_does_not_have_is_named(
    hub: Hub, upload: Path, tmp_path: Path
) -> None:
    hub.add(HUB_ID, upload)
    with pytest.raises(HubError, match=f"{HUB_ID}@v2: the model has no such revision"):
        model(tmp_path, revision="v2").fetch()


def test_a_gated_model_says_what_to_accept(hub: Hub, upload: Path, tmp_path: Path) -> None:
    hub.add(HUB_ID, upload, is_gated=True)
    with pytest.raises(HubError, match="is gated: accept its conditions on its page"):
        model(tmp_path).fetch()


@pytest.mark.parametrize("token", [f"{TOKEN}-of-another", f"{TOKEN}\x00{TOKEN}"])
def test_no_error_shows_the_token(
    hub: Hub, upload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    hub.add(HUB_ID, upload, token="hf_TheirOwn")  # noqa: S106
    monkeypatch.setattr("huggingface_hub.utils._headers.get_token", lambda: token)
    with pytest.raises(HubError) as failure:
        model(tmp_path).fetch()
    assert TOKEN not in str(failure.value)
    assert failure.value.__suppress_context__
