"""Random choice of one token, reproducible from a seed and independent of the rest of the batch."""

import random

import torch
from torch import Tensor

from model.engine.params import GenerationParams

_MIN_TEMPERATURE = 1e-30  # what float32 can still divide by


class Sampler:
    """The random numbers of one request: one stream for each of its samples.

    The numbers come from Python's generator, not torch's, so that a seed means the same on a CPU
    and a GPU, and whoever else is in the batch.
    """

    def __init__(self, params: GenerationParams) -> None:
        self._params = params
        seed = random.SystemRandom().getrandbits(63) if params.seed is None else params.seed
        self._streams = [random.Random(f"{seed}/{i}") for i in range(params.num_return)]  # noqa: S311

    def choose(self, logits: Tensor, *, sample: int) -> int:
        """One token, by inversion of the cumulative distribution.

        Args:
            logits: (vocab,), float32; the largest is finite.
            sample: which of the request's samples asks.
        """
        probabilities, token_ids = candidates(logits, self._params)
        cumulative = probabilities.cumsum(0)
        threshold = self._streams[sample].random() * cumulative[-1]
        # Rounding may put the threshold at the very end, beyond which all probabilities are 0.
        last = torch.searchsorted(cumulative, cumulative[-1])
        index = torch.searchsorted(cumulative, threshold, right=True)
        return int(token_ids[torch.minimum(index, last)])


def candidates(logits: Tensor, params: GenerationParams) -> tuple[Tensor, Tensor]:
    """The tokens that may be drawn, most probable first.

    Temperature, then top-k (Fan et al., 2018), then top-p (Holtzman et al., 2020): the fewest
    tokens whose probabilities sum to at least `top_p`.

    Args:
        logits: (vocab,), float32; the largest is finite.
        params: of the request.

    Returns:
        Probabilities and token ids, both (candidates,).
    """
    num_candidates = (
        logits.shape[-1] if params.top_k is None else min(params.top_k, logits.shape[-1])
    )
    values, token_ids = logits.topk(num_candidates)
    if params.temperature is not None:
        # The best becomes 0 first, so that the smallest temperature makes no infinity of it.
        values = (values - values[0]) / max(params.temperature, _MIN_TEMPERATURE)
    probabilities = values.softmax(0)
    if params.top_p is not None and params.top_p < 1.0:
        before = probabilities.cumsum(0) - probabilities
        keep = before < params.top_p
        keep[0] = True  # whatever rounding makes of the smallest top_p
        probabilities, token_ids = probabilities[keep], token_ids[keep]
    return probabilities, token_ids
