"""The roofline: the least time in which this machine can do a piece of work.

A step has to read its weights and its cache, and to multiply by them. It takes at least the longer
of the two: bytes over the measured bandwidth, operations over the measured rate of products.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.engine.network import Network

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "int8": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Measured bandwidth and rate of products of the machine, in one type of weights."""

    bytes_per_s: float
    flops_per_s: float  # a multiplication and an addition are two

    def seconds(self, num_bytes: float, flops: float) -> float:
        """Return the longer of reading and computing, which can overlap."""
        return max(num_bytes / self.bytes_per_s, flops / self.flops_per_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The work of a batch: source tokens and decoding steps of each request."""

    source_tokens: Sequence[int]
    num_steps: Sequence[int]
    num_beams: int


def limit_s(
    network: Network, work: Work, rates: Rates, *, weight_bytes: int, cache_bytes: int
) -> float:
    """Return the sum of the limits of the encoding and of every step, in seconds.

    Args:
        network: The sizes.
        work: Source tokens and steps.
        rates: The rates of the machine for the type of the weights.
        weight_bytes: Bytes of one weight.
        cache_bytes: Bytes of one number in the KV cache.
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
    """Return the limit of encoding all sources at once, in seconds; each weight is read once.

    Attention multiplies each pair of tokens twice, by keys and by values: 4 operations a number.
    """
    pairs = sum(tokens**2 for tokens in work.source_tokens)
    attention = 4 * network.d_attention * network.encoder_layers * pairs
    products = 2 * network.encoding_weights * sum(work.source_tokens)
    return rates.seconds(network.encoding_weights * weight_bytes, products + attention)
