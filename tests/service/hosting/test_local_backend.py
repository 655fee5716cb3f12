"""Models that come and go in one process: loaded, swapped while they answer, let go."""

import asyncio
import gc
import weakref
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest
import torch
from structlog.testing import capture_logs

from model.kernels.levels import LEVELS
from model.load import LoadedModel, load_model
from service.backend import FinishedEvent, TokenEvent
from service.catalogue.catalogue import CatalogueError
from service.catalogue.fleet import Placement
from service.errors import ModelNotFoundError
from service.hosting.local_backend import LocalBackend
from service.spans import Span
from service.telemetry.metrics import render
from tests.support.checkpoints.tiny_models import (
    SETTINGS,
    SUMMARIZER,
    TRANSLATOR,
    make_request,
    tiny_entry,
    write_tiny_marian,
    write_tiny_models,
)
from tests.support.service.backends import copy_of, num_engines, serving, text_of
from tests.support.service.waiting import until


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


def test_a_model_says_what_it_can_do(folders: dict[str, Path]) -> None:
    with serving(tiny_entry(folders), tiny_entry(folders, SUMMARIZER)) as backend:
        translator, summarizer = backend.models()
    assert (translator.name, list(translator.pairs)) == (TRANSLATOR, [("en", "de")])
    assert (translator.max_input_tokens, translator.max_new_tokens) == (32, 30)
    assert (translator.family, summarizer.family) == ("Marian", "BART")
    assert (translator.dtype, translator.device) == ("float32", "cpu")
    assert (summarizer.tasks, summarizer.default_num_beams) == (("summarization",), 1)
    assert translator.num_parameters > 0
    assert translator.weights_bytes is not None
    assert translator.weights_bytes >= translator.num_parameters * 4


def test_models_are_loaded_in_their_order_each_with_its_time_and_size_in_the_log(
    folders: dict[str, Path],
) -> None:
    warm = tiny_entry(folders, SUMMARIZER, warm_up=True)
    with capture_logs() as logs, serving(warm, tiny_entry(folders)) as backend:
        sizes = [model.weights_bytes for model in backend.models()]
    loaded = [log for log in logs if log["event"] == "model loaded"]
    assert [log["model"] for log in loaded] == [SUMMARIZER, TRANSLATOR]
    assert [log["family"] for log in loaded] == ["BART", "Marian"]
    assert [log["bytes"] for log in loaded] == sizes
    ours = {f"own ({level.title})" for level in LEVELS}
    assert {log["kernels"] for log in loaded} <= {"pytorch", *ours}
    assert loaded[0]["warm_up_s"] >= loaded[1]["warm_up_s"] == 0


def test_a_budget_for_few_outputs_of_maximal_length_is_warned_of(
    folders: dict[str, Path],
) -> None:
    with capture_logs() as logs, serving(tiny_entry(folders, kv_cache_bytes=1 << 16)):
        pass
    (warning,) = [log for log in logs if log["log_level"] == "warning"]
    assert 1 <= warning["rows"] < 16


@pytest.mark.parametrize(("max_rows", "is_warned"), [(15, True), (16, False)])
def test_a_cache_that_holds_few_outputs_is_warned_of(
    folders: dict[str, Path], *, max_rows: int, is_warned: bool
) -> None:
    entry = tiny_entry(folders, max_running_rows=max_rows)
    with capture_logs() as logs, serving(entry):
        pass
    warnings = [log for log in logs if log["log_level"] == "warning"]
    assert [log["rows"] for log in warnings] == [max_rows] * is_warned


def test_a_closed_backend_is_not_alive(folders: dict[str, Path]) -> None:
    with serving(tiny_entry(folders)) as backend:
        assert backend.is_alive()
        assert backend.is_ready()
    assert not backend.is_alive()
    assert not backend.is_ready()


async def test_the_catalogue_s_limits_are_the_model_s(folders: dict[str, Path]) -> None:
    entry = tiny_entry(folders, max_input_tokens=12, max_new_tokens=7, max_waiting=2)
    with serving(entry) as backend:
        (info,) = backend.models()
        assert (info.max_input_tokens, info.max_new_tokens, info.max_waiting) == (12, 7, 2)
        assert backend.num_free_places(TRANSLATOR) == 2


def test_what_the_model_cannot_read_is_found(folders: dict[str, Path]) -> None:
    with serving(tiny_entry(folders)) as backend:
        assert backend.unknown_spans(TRANSLATOR, "the book") == ()
        assert backend.unknown_spans(TRANSLATOR, "won\u2019t 北京!") == (Span(6, 8),)
        with pytest.raises(ModelNotFoundError):
            backend.unknown_spans("another", "the book")


async def test_leaving_early_frees_the_place(folders: dict[str, Path]) -> None:
    request = make_request(stream=True, num_beams=1, max_new_tokens=30, seed=2, temperature=5.0)
    with serving(tiny_entry(folders)) as backend:
        async with aclosing(backend.generate(request)) as events:
            await anext(events)
        await until(lambda: backend.num_running() == backend.num_waiting() == 0)
        assert backend.cache_use() == 0.0
        assert backend.num_free_places(TRANSLATOR) == 9


# Changes


@pytest.fixture
def other_weights(folders: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """The same tokenizer, other weights."""
    folder = copy_of(folders[TRANSLATOR], tmp_path / "other")
    write_tiny_marian(folder, seed=1)
    return {TRANSLATOR: folder}


async def test_a_swap_leaves_old_requests_to_the_old_model_and_gives_new_ones_to_the_new(
    folders: dict[str, Path], other_weights: dict[str, Path]
) -> None:
    with serving(tiny_entry(folders)) as backend, serving(tiny_entry(other_weights)) as reference:
        request = make_request(num_beams=1)
        old_text, new_text = await text_of(backend, request), await text_of(reference, request)
        assert old_text != new_text
        (old,) = backend.models()
        new = Placement(tiny_entry(other_weights), version=1)
        with backend.hold([old]):
            await backend.prepare(new)
            assert backend.models() == (old,)
            swap = asyncio.create_task(backend.serve([new]))
            await until(lambda: backend.models() != (old,))
            (info,) = backend.models()
            assert (info.name, info.handle) == (TRANSLATOR, f"{TRANSLATOR}#1")
            assert await text_of(backend, make_request(num_beams=1, model=old.handle)) == old_text
            assert await text_of(backend, make_request(num_beams=1, model=info.handle)) == new_text
            assert not swap.done()
        await swap
        assert await text_of(backend, request) == new_text  # by its name


async def test_a_model_that_is_let_go_gives_its_thread_and_its_tensors_back(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, weights = num_engines(), list[weakref.ref[torch.Tensor]]()

    def load(folder: Path, **options: Any) -> LoadedModel:
        loaded = load_model(folder, **options)
        if folder == folders[TRANSLATOR]:
            weights.extend(map(weakref.ref, loaded.network.parameters()))
        return loaded

    monkeypatch.setattr("service.hosting.model_host.load_model", load)
    with serving(tiny_entry(folders), tiny_entry(folders, SUMMARIZER)) as backend:
        await text_of(backend, make_request())
        assert num_engines() == before + 2
        assert len(weights) > 0
        assert f'model="{TRANSLATOR}"' in render().decode()
        await backend.serve([Placement(tiny_entry(folders, SUMMARIZER))])
        gc.collect()
        assert num_engines() == before + 1
        assert [ref for ref in weights if ref() is not None] == []
        assert f'model="{TRANSLATOR}"' not in render().decode()
        assert backend.is_ready()
        with pytest.raises(ModelNotFoundError, match=f"the models served are {SUMMARIZER}"):
            await text_of(backend, make_request())


async def test_a_swap_keeps_the_metrics_of_the_model_s_name(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    broken = Placement(tiny_entry(folders, path=str(tmp_path)), version=1)
    with serving(tiny_entry(folders)) as backend:
        await text_of(backend, make_request())
        with pytest.raises(CatalogueError):
            await backend.prepare(broken)
        assert f'model="{TRANSLATOR}"' in render().decode()
        await backend.serve([Placement(tiny_entry(folders), version=2)])
        assert f'model="{TRANSLATOR}"' in render().decode()


async def test_a_model_in_use_is_let_go_after_the_longest_time_of_a_request_and_logged(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.hosting.local_backend.GRACE_S", 0.0)
    limits = {"default_timeout_ms": 1_000, "max_timeout_ms": 1_000}
    backend = LocalBackend([tiny_entry(folders)], SETTINGS.model_copy(update=limits))
    loop = asyncio.get_running_loop()
    with capture_logs() as logs, closing(backend), backend.hold(backend.models()):
        begin_s = loop.time()
        async with asyncio.timeout(60):
            await backend.serve([])
        assert loop.time() - begin_s >= 1.0
    assert {log["event"] for log in logs if log["log_level"] == "warning"} == {
        "a model is let go although it is in use"
    }


async def test_a_stream_that_began_is_finished_before_its_model_is_let_go(
    folders: dict[str, Path],
) -> None:
    request = make_request(stream=True, num_beams=1, max_new_tokens=30, seed=2, temperature=5.0)
    with serving(tiny_entry(folders), tiny_entry(folders, SUMMARIZER)) as backend:
        async with aclosing(backend.generate(request)) as events:
            pieces = [await anext(events)]
            unload = asyncio.create_task(
                backend.serve([Placement(tiny_entry(folders, SUMMARIZER))])
            )
            await until(lambda: len(backend.models()) == 1)
            pieces += [event async for event in events]
        await unload
    *tokens, last = pieces
    assert isinstance(last, FinishedEvent)
    assert "".join(t.text for t in tokens if isinstance(t, TokenEvent)) == last.outputs[0].text


async def test_a_model_that_arrives_is_listed_but_not_offered_until_all_are_to_serve_it(
    folders: dict[str, Path],
) -> None:
    new = Placement(tiny_entry(folders, SUMMARIZER), version=1)
    with serving(tiny_entry(folders)) as backend:
        before = backend.models()
        assert backend.models() is before
        await backend.prepare(new)
        arriving = backend.models()[1]
        assert (arriving.name, arriving.state, arriving.is_offered) == (
            SUMMARIZER,
            "loading",
            False,
        )
        await backend.serve([Placement(tiny_entry(folders)), new])
        assert [model.is_offered for model in backend.models()] == [True, True]
        assert await text_of(backend, make_request("The fox.", model=SUMMARIZER))


async def test_a_model_that_was_prepared_and_is_not_wanted_any_more_leaves_nothing(
    folders: dict[str, Path],
) -> None:
    with serving(tiny_entry(folders)) as backend:
        threads = num_engines()
        await backend.prepare(Placement(tiny_entry(folders, SUMMARIZER), version=1))
        assert num_engines() == threads + 1
        await backend.prepare(None)
        assert num_engines() == threads
        assert len(backend.models()) == 1


async def test_a_model_that_cannot_be_prepared_changes_nothing(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    broken = Placement(tiny_entry(folders, path=str(tmp_path)), version=1)
    with serving(tiny_entry(folders)) as backend:
        before = backend.models()
        with pytest.raises(CatalogueError):
            await backend.prepare(broken)
        with pytest.raises(CatalogueError):
            await backend.serve([broken])
        assert backend.models() is before
        assert await text_of(backend, make_request())


async def test_a_service_may_be_left_without_a_model(folders: dict[str, Path]) -> None:
    with serving(tiny_entry(folders)) as backend:
        await backend.serve([])
        assert list(backend.models()) == []
        assert backend.is_ready()
        assert (backend.num_running(), backend.cache_use()) == (0, 0.0)
