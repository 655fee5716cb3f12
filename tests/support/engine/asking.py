"""Requests to an engine, and comparisons of its outputs."""

from typing import Any

import pytest

from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.engine.request import RequestOutput
from tests.support.engine.factories import make_prompt


def add(engine: Engine, request_id: str, *, length: int = 5, **options: Any) -> None:
    """Add a request; `options` are its priority and deadline, or fields of `GenerationParams`."""
    place = {name: options.pop(name) for name in ("priority", "deadline_s") if name in options}
    params = GenerationParams(**{"max_new_tokens": 6, **options})
    engine.add_request(request_id, make_prompt(length=length), params, **place)


def assert_same(one: RequestOutput, other: RequestOutput) -> None:
    """Assert equal hypotheses, up to float32's rounding, which differs between batch shapes."""
    assert [h.token_ids for h in one.hypotheses] == [h.token_ids for h in other.hypotheses]
    scores = [h.score for h in other.hypotheses]
    assert [h.score for h in one.hypotheses] == pytest.approx(scores, abs=1e-4)


def assert_empty(engine: Engine) -> None:
    """Assert that no request and no row is left."""
    engine.check_invariants()
    stats = engine.stats()
    assert (stats.num_waiting, stats.num_running, stats.num_rows) == (0, 0, 0)
    assert not engine.has_work
