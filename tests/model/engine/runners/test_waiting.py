"""No step reads a number back from its device but in the one copy at its end.

On the device "meta" tensors have no numbers, so code that needs one (`.item()`, `.tolist()`,
a mask as an index) fails there; on a GPU it would make the host wait.
"""

from collections.abc import Sequence
from typing import Any, NoReturn

import pytest
import torch
from torch import Tensor

from model.config import TransformerConfig
from model.engine.batch import Batch
from model.engine.choosing import chooser
from model.engine.choosing.chooser import Chooser
from model.engine.choosing.sampler import Sampler
from model.engine.request import Request
from model.engine.runner import RowCopy
from model.engine.runners import output_head
from model.engine.runners.buckets import Bucket
from model.engine.runners.graph import Compute
from model.engine.runners.graphed_runner import GraphedRunner
from model.engine.search.make_search import make_search
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.factories import make_engine_config, make_request, make_rules
from tests.support.engine.jobs import CONFIGS

RULES = make_rules(renormalizes=True)
KINDS: dict[str, Sequence[dict[str, Any]]] = {
    "greedy": [{}, {}],
    "beams": [{"num_beams": 2}, {"num_beams": 3}],
    "samples": [{"seed": 1, "top_k": 3}, {"temperature": 0.5, "top_p": 0.4, "num_return": 3}],
    "all at once, with rules": [
        {"min_new_tokens": 3},
        {"num_beams": 2, "no_repeat_ngram_size": 1, "repetition_penalty": 1.2},
        {"seed": 1, "num_return": 2, "repetition_penalty": 1.2},
        {"return_scores": True},
    ],
}
every_network = pytest.mark.parametrize("config", CONFIGS, ids=str)


class Copied(Exception):  # noqa: N818 - it is the end of a step, and no error
    """The step has started its only copy to the host."""


@pytest.fixture(autouse=True)
def _end_at_the_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    def copy(*tensors: Tensor) -> NoReturn:
        assert all(tensor.is_meta for tensor in tensors)
        raise Copied

    for module in (chooser, output_head):
        monkeypatch.setattr(module, "to_host", copy)


class NoGraph:
    def capture(self, compute: Compute) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def replay(self) -> None:
        raise NotImplementedError


def make_runner(config: TransformerConfig) -> GraphedRunner:
    with torch.device("meta"):
        network = Seq2SeqTransformer(config).to(torch.bfloat16)
    network.eval().requires_grad_(requires_grad=False)
    limits = make_engine_config()
    return GraphedRunner(network, RULES, limits, cache_dtype=torch.bfloat16, make_graph=NoGraph)


def place(*kinds: dict[str, Any]) -> list[Request]:
    """Requests of these parameters in the first rows, sources of several lengths."""
    requests: list[Request] = []
    row = 0
    for slot, params in enumerate(kinds):
        request = make_request(str(slot), length=4 + 3 * slot, **params)
        request.search = make_search(request.prompt, request.params, RULES)
        request.rows, request.slot = list(range(row, row + request.num_live)), slot
        row += request.num_live
        requests.append(request)
    return requests


@every_network
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_reads_nothing_before_its_end(config: TransformerConfig, kind: str) -> None:
    runner, requests = make_runner(config), place(*KINDS[kind])
    moves = [(4, 3)]
    batch = Batch(row_moves=moves, slot_moves=moves, encode=requests, decode=requests)
    scores = runner.run(batch).scores
    assert scores is not None
    samplers = {r.request_id: Sampler(r.params) for r in requests if r.params.do_sample}
    with pytest.raises(Copied):
        Chooser(RULES).choose(scores, requests, samplers)
    runner.copy_rows([RowCopy(0, 1, 3)])


@every_network
@pytest.mark.parametrize("width", [1, 4])
def test_what_is_recorded_reads_nothing(config: TransformerConfig, width: int) -> None:
    bucket = Bucket(num_sources=2, width=width, num_own=16, num_keys=32)
    with torch.inference_mode():
        hidden, results = make_runner(config).compute(bucket)
    assert hidden.shape == (2 * width, 16)
    assert results.shape == (2 * width, 2 if width == 1 else 2 + 2 * 2 * width)
