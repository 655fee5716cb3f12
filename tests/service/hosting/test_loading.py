"""Loading a model: what is refused, and what is logged."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from model.engine.engine import Engine
from model.engine.runner import OnProgress
from service.catalogue.catalogue import CatalogueError
from service.hosting.local_backend import LocalBackend
from service.hosting.model_host import ModelHost
from service.hosting.stand_in_trials import UNTRIED
from tests.support.checkpoints.factories import write_json
from tests.support.checkpoints.tiny_models import (
    SETTINGS,
    SUMMARIZER,
    TRANSLATOR,
    tiny_entry,
    write_tiny_models,
)
from tests.support.service.backends import num_engines, serving


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


def test_a_model_that_cannot_be_loaded_is_named_and_leaves_no_thread_of_the_others_behind(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    before = num_engines()
    broken = tiny_entry(folders, SUMMARIZER, path=str(tmp_path))
    with pytest.raises(CatalogueError, match=f"^model '{SUMMARIZER}': .*config.json"):
        LocalBackend([tiny_entry(folders), broken], SETTINGS)
    assert num_engines() == before


def test_a_model_that_cannot_do_what_it_is_offered_for_is_found_by_its_warm_up(
    folders: dict[str, Path],
) -> None:
    wrong = tiny_entry(folders, max_running_rows=2, warm_up=["Good morning."])
    with pytest.raises(CatalogueError, match="is loaded, but cannot answer: num_beams: 3 is above"):
        LocalBackend([wrong], SETTINGS)


def test_every_language_of_a_model_must_have_its_tag_in_the_vocabulary(
    folders: dict[str, Path],
) -> None:
    wrong = tiny_entry(folders, pairs=["en-de", "en-fr", "en-ja"])
    with pytest.raises(CatalogueError, match="pairs: target_lang: 'ja' is not one of"):
        LocalBackend([wrong], SETTINGS)


@pytest.mark.parametrize("load", ["eager", "lazy"])
@pytest.mark.parametrize(
    "limits",
    [{"kv_cache_bytes": 9}, {"kv_cache_bytes": 6143}, {"max_input_tokens": 10**12}],
    ids=["cache", "nearly a row", "tokens"],
)
def test_limits_that_no_memory_holds_are_refused_before_anything_is_loaded(
    folders: dict[str, Path], limits: dict[str, Any], load: str
) -> None:
    wrong = tiny_entry(folders, load=load, **limits)
    sentence = r"model 'test/translate': kv_cache_bytes: \d+ is below the \d+ bytes of one row"
    with pytest.raises(CatalogueError, match=sentence):
        LocalBackend([wrong], SETTINGS)


def test_a_file_that_is_not_the_one_of_the_catalogue_is_refused(folders: dict[str, Path]) -> None:
    wrong = tiny_entry(folders, sha256={"model.safetensors": "0" * 64})
    with pytest.raises(CatalogueError, match=r"sha256: model.safetensors has \w{64}, not 0{64}"):
        LocalBackend([wrong], SETTINGS)


def test_a_checkpoint_whose_own_parameters_are_out_of_range_is_not_served(
    folders: dict[str, Path],
) -> None:
    """Else every request would be refused for a parameter that its client never set."""
    config = json.loads((folders[TRANSLATOR] / "config.json").read_text())
    try:
        write_json(folders[TRANSLATOR] / "config.json", {**config, "num_beams": 12})
        with pytest.raises(CatalogueError, match=f"'{TRANSLATOR}'.*num_beams: 12 is not between"):
            LocalBackend([tiny_entry(folders)], SETTINGS)
        LocalBackend([tiny_entry(folders, defaults={"num_beams": 1})], SETTINGS).close()
    finally:
        write_json(folders[TRANSLATOR] / "config.json", config)


def test_the_progress_of_an_engine_s_warm_up_is_logged_by_quarters(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class SlowToWarmUp(Engine):
        def warm_up(
            self, *, widths: Sequence[int] = (1,), on_progress: OnProgress = lambda *_: None
        ) -> None:
            super().warm_up(widths=widths)
            for num_done in range(1, 11):
                on_progress(num_done, 10)

    monkeypatch.setattr("service.hosting.model_host.Engine", SlowToWarmUp)
    with capture_logs() as logs:
        ModelHost(tiny_entry(folders, warm_up=True), SETTINGS).stop()
    assert [log["done"] for log in logs if log["event"] == "steps recorded"] == [3, 5, 8, 10]


def test_a_model_that_is_not_tried_has_the_usual_stand_ins_and_one_tried_only_what_it_copies(
    folders: dict[str, Path],
) -> None:
    untried, tried = tiny_entry(folders), tiny_entry(folders, name="test/warm", warm_up=True)
    lazy = tiny_entry(folders, name="test/lazy", load="lazy")
    with serving(untried, tried, lazy, tiny_entry(folders, SUMMARIZER)) as backend:
        found = [info.stand_ins for info in backend.models()]
    assert found == [UNTRIED, (), UNTRIED, ()]


@pytest.mark.parametrize("names", [(), ("Q1", "Q2")])
def test_stand_ins_of_the_catalogue_are_not_tried(
    folders: dict[str, Path], names: tuple[str, ...]
) -> None:
    with serving(tiny_entry(folders, warm_up=True, stand_ins=names)) as backend:
        assert backend.models()[0].stand_ins == names
