"""int8 proposes, full precision decides: the answer is that of full precision."""

import pytest
import torch
from torch import Tensor

from model.engine.runners.shortlist import Shortlist
from model.transformer.int8 import Int8Linear, WideInt8Linear, quantize

pytestmark = pytest.mark.skipif(
    not Int8Linear.is_available(), reason="this machine has no int8 kernel"
)

VOCAB_SIZE, D_MODEL = 16_384, 64


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).bfloat16()


WEIGHT, BIAS = random(VOCAB_SIZE, D_MODEL, seed=1), random(VOCAB_SIZE, seed=2)


def make_shortlist(*, suppressed: list[int]) -> Shortlist:
    rough = WideInt8Linear(quantize(WEIGHT), BIAS)
    return Shortlist(WEIGHT, BIAS, rough=rough, suppressed=suppressed)


def full_precision(hidden: Tensor, *, suppressed: list[int]) -> tuple[Tensor, Tensor]:
    logits = hidden.float() @ WEIGHT.float().T + BIAS.float()
    logits[:, suppressed] = -torch.inf
    values, token_ids = logits.max(dim=-1)
    return values, token_ids


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_the_best_token_and_its_logit_are_those_of_full_precision(scale: float) -> None:
    hidden = random(200, D_MODEL, seed=3) * scale
    values, token_ids = make_shortlist(suppressed=[5]).best(hidden)
    expected, best = full_precision(hidden, suppressed=[5])
    assert torch.equal(token_ids, best)
    torch.testing.assert_close(values, expected)


def test_a_suppressed_token_is_never_the_answer() -> None:
    hidden = random(50, D_MODEL, seed=4)
    shortlist = make_shortlist(suppressed=[])
    winners = sorted(set(shortlist.best(hidden)[1].tolist()))
    _, token_ids = make_shortlist(suppressed=winners).best(hidden)
    assert not set(token_ids.tolist()) & set(winners)
    assert torch.equal(token_ids, full_precision(hidden, suppressed=winners)[1])


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_row_that_is_no_number_has_no_finite_answer_and_disturbs_no_other(bad: float) -> None:
    hidden = random(3, D_MODEL, seed=5)
    shortlist = make_shortlist(suppressed=[])
    _, alone = shortlist.best(hidden[2:])
    hidden[1, 7] = bad
    values, token_ids = shortlist.best(hidden)
    assert values.isfinite().tolist() == [True, False, True]
    assert token_ids[2] == alone[0]
