"""Sampling of one token, reproducible from a seed and independent of the rest of the batch."""

import math
import random
from collections.abc import Sequence

import torch
from torch import Tensor

from model.engine.params import GenerationParams
from model.engine.transfer import to_device

_MIN_TEMPERATURE = 1e-30  # float32 can divide by it


class Sampler:
    """Random numbers of one request, a stream for each of its samples.

    They come from Python's generator, so that a seed gives the same numbers on a CPU and a GPU, and
    in any batch.
    """

    def __init__(self, params: GenerationParams) -> None:
        seed = random.SystemRandom().getrandbits(63) if params.seed is None else params.seed
        self._streams = [random.Random(f"{seed}/{i}") for i in range(params.num_return)]  # noqa: S311
        self._next: dict[int, float] = {}

    def number(self, *, sample: int) -> float:
        """Return the next number of a sample, 0 to 1: the same one until `advance`.

        A step that fails after this call is repeated with the same numbers.
        """
        if sample not in self._next:
            self._next[sample] = self._streams[sample].random()
        return self._next[sample]

    def advance(self) -> None:
        """Discard the numbers of this step: their tokens were chosen."""
        self._next.clear()


def draw(logits: Tensor, params: Sequence[GenerationParams], numbers: Sequence[float]) -> Tensor:
    """Draw a token for each row, by inversion of the cumulative distribution.

    Args:
        logits: (rows, vocab), float32; a row whose largest is not finite gets an arbitrary token.
        params: Of each row's request.
        numbers: A random number for each row, 0 to 1.

    Returns:
        (rows,) int64, on the device of the logits.
    """
    token_ids = torch.empty(len(params), dtype=torch.int64, device=logits.device)
    for top_k in dict.fromkeys(p.top_k for p in params):  # rows of one top_k have one shape
        rows = [row for row, p in enumerate(params) if p.top_k == top_k]
        index = to_device(rows, logits.device)
        probabilities, candidate_ids = candidates(logits[index], [params[row] for row in rows])
        cumulative = probabilities.cumsum(-1)
        total = cumulative[:, -1:].contiguous()
        random_numbers = [numbers[row] for row in rows]
        threshold = to_device(random_numbers, logits.device, dtype=torch.float32)[:, None] * total
        # Rounding may put the threshold at the very end, beyond which all probabilities are 0.
        last = torch.searchsorted(cumulative, total)
        found = torch.searchsorted(cumulative, threshold, right=True)
        place = torch.minimum(found, last).clamp_max(cumulative.shape[1] - 1)
        token_ids[index] = candidate_ids.gather(1, place)[:, 0]
    return token_ids


def candidates(logits: Tensor, params: Sequence[GenerationParams]) -> tuple[Tensor, Tensor]:
    """Return the tokens that may be drawn, most probable first.

    Temperature, then top-k (Fan et al., 2018), then top-p (Holtzman et al., 2020): the fewest
    tokens whose probabilities sum to at least `top_p`. All others have a probability of 0.

    Args:
        logits: (rows, vocab), float32; the largest of a row is finite.
        params: Of each row's request, all of one `top_k`.

    Returns:
        Probabilities, up to a factor, and token ids, both (rows, candidates).
    """
    top_k, vocab_size = params[0].top_k, logits.shape[-1]
    values, token_ids = logits.topk(vocab_size if top_k is None else min(top_k, vocab_size))
    temperatures, top_ps = to_device(
        [
            [
                1.0 if p.temperature is None else max(p.temperature, _MIN_TEMPERATURE)
                for p in params
            ],
            [math.inf if p.top_p in (None, 1.0) else p.top_p for p in params],
        ],
        logits.device,
        dtype=torch.float32,
    )[:, :, None]
    # Subtract the largest first, so that no quotient overflows to +inf.
    probabilities = ((values - values[:, :1]) / temperatures).softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    keep = before < top_ps
    keep[:, 0] = True  # even if the smallest top_p rounds to 0
    return torch.where(keep, probabilities, 0.0), token_ids
