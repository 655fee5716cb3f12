"""The roofline: the least time in which this machine could do a piece of work.

Whatever is computed, a step has to read its weights and its cache, and to multiply them. It takes
at least the longer of the two: bytes over the bandwidth that was measured, operations over the rate
of products that was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.engine.network import Network

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "int8": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What the machine was measured to do in one type of weights."""

    bytes_per_s: float
    flops_per_s: float  # a multiplication and an addition are two

    def seconds(self, num_bytes: float, flops: float) -> float:
        """The longer of reading and computing, each of which can hide behind the other."""
        return max(num_bytes / self.bytes_per_s, flops / self.flops_per_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What was done: tokens read and decoding steps taken, for each request of a batch."""

    source_tokens: Sequence[int]
    num_steps: Sequence[int]
    num_beams: int


def limit_s(
    network: Network, work: Work, rates: Rates, *, weight_bytes: int, cache_bytes: int
) -> float:
    """Seconds of the encoding and of every step, each at its own limit.

    Args:
        network: Its sizes.
        work: What was done.
        rates: Of the machine, for the type of the weights.
        weight_bytes: Of one weight.
        cache_bytes: Of one cached number.
    """
    total_s = _encoding_s(network, work, rates, weight_bytes=weight_bytes)
    for step in range(max(work.num_steps)):
        sources = [
            source
            for source, steps in zip(work.source_tokens, work.num_steps, strict=True)
            if steps > step
        ]
        num_rows = len(sources) * work.num_beams
        read_tokens = num_rows * step + sum(sources)  # beams of a request share its source
        attended = num_rows * (step + 1) + work.num_beams * sum(sources)
        num_bytes = (
            network.step_weights * weight_bytes + network.cached_numbers * read_tokens * cache_bytes
        )
        flops = 2 * network.step_weights * num_rows + 2 * network.cached_numbers * attended
        total_s += rates.seconds(num_bytes, flops)
    return total_s


def _encoding_s(network: Network, work: Work, rates: Rates, *, weight_bytes: int) -> float:
    """All sources at once: each weight is read once, each token multiplied by each weight.

    Attention multiplies each pair of tokens twice, by keys and by values: 4 operations a number.
    """
    pairs = sum(tokens**2 for tokens in work.source_tokens)
    attention = 4 * network.d_attention * network.encoder_layers * pairs
    products = 2 * network.encoding_weights * sum(work.source_tokens)
    return rates.seconds(network.encoding_weights * weight_bytes, products + attention)
