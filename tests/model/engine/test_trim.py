"""Memory that an engine gives back between steps is none that a request still needs."""

from typing import Any

import pytest
import torch

from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.engine.request import RequestOutput
from model.kernels.packing import KernelPacking
from model.transformer.packing import pack
from tests.support.engine.factories import (
    EOS,
    START,
    make_config,
    make_engine,
    make_network,
    make_prompt,
    make_rules,
)
from tests.support.engine.kernel_engines import kernel_engine
from tests.support.service.machines import needs_kernels

NEVER = make_rules(suppressed_ids=(EOS, START))  # outputs end only at their length
ROOM: dict[str, Any] = {"max_source_tokens": 400, "max_target_tokens": 400}
LENGTHS = (300, 20, 3, 200, 90)  # of sources, and of outputs


def pytorch_engine() -> Engine:
    return make_engine(
        network=make_network(config=make_config(max_positions=400)), rules=NEVER, **ROOM
    )


def own_engine() -> Engine:
    network = make_network(config=make_config(max_positions=400))
    pack(network, KernelPacking(torch.bfloat16))
    return kernel_engine(network, rules=NEVER, **ROOM)


ENGINES = [
    pytest.param(pytorch_engine, id="pytorch"),
    pytest.param(own_engine, id="own", marks=needs_kernels),
]


def answers(engine: Engine, *, trims: bool) -> dict[str, RequestOutput]:
    """Return the last output of each request, of which two begin after others have ended."""
    found: dict[str, RequestOutput] = {}
    for number, length in enumerate(LENGTHS):
        params = GenerationParams(max_new_tokens=length, num_beams=1 + number % 2)
        engine.add_request(str(number), make_prompt(seed=number, length=length), params)
        while engine.has_work and (number > 1 or len(found) <= number):
            outputs = engine.step()
            found |= {o.request_id: o for o in outputs if o.finish_reason is not None}
            if trims:
                engine.trim()
    return found


@pytest.mark.parametrize("make", ENGINES)
def test_trimming_between_steps_changes_no_answer(make: Any) -> None:
    expected = answers(make(), trims=False)
    found = answers(make(), trims=True)
    assert [found[name].hypotheses for name in found] == [
        expected[name].hypotheses for name in found
    ]
    assert len(found) == len(LENGTHS)
