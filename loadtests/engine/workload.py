"""The work of contenders: static batches, and requests that arrive by a Poisson process."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from loadtests.engine.checkpoints import end_id, never_chosen
from loadtests.engine.network import Network

_WARM_UP_TOKENS = 4
_LEAST_REQUESTS = 60  # three of them are above the 95th percentile


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One static batch: token ids in, token ids out.

    Attributes:
        sources: Each ends with the end-of-sentence id.
        num_new_tokens: The tokens of each output; the most, if outputs end by themselves.
        num_beams: 1 is greedy.
        ends: Whether outputs end by themselves. Then a search ends with as many finished outputs
            as it has beams, the only rule that all contenders have.
    """

    sources: tuple[tuple[int, ...], ...]
    num_new_tokens: int
    num_beams: int = 1
    ends: bool = False

    @property
    def batch(self) -> int:
        return len(self.sources)

    @property
    def source_tokens(self) -> list[int]:
        return [len(source) for source in self.sources]

    def warm_up(self) -> "Workload":
        """Return the same workload with short outputs."""
        return replace(self, num_new_tokens=min(self.num_new_tokens, _WARM_UP_TOKENS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests and their arrivals, in seconds from the start, in order."""

    arrivals_s: tuple[float, ...]
    sources: tuple[tuple[int, ...], ...]
    max_new_tokens: int
    num_beams: int = 1


def random_workload(
    network: Network, *, batch: int, source_tokens: tuple[int, int], num_new_tokens: int
) -> Workload:
    """Return random sources with lengths between the two bounds; the same on every call."""
    random = Random(batch)
    low, high = source_tokens
    first = max(never_chosen(network)[:-1]) + 1
    ids = range(first, network.vocab_size - 1)
    sources = tuple(
        (*random.choices(ids, k=random.randint(low, high) - 1), end_id(network))
        for _ in range(batch)
    )
    return Workload(sources=sources, num_new_tokens=num_new_tokens)


def real_workload(
    sources: Sequence[tuple[int, ...]], *, batch: int, max_new_tokens: int
) -> Workload:
    """Return a batch of these sources, evenly over all lengths; the same on every call.

    A batch of 1 is the source of middle length; of two, one is longer than three quarters of all.
    Of 80 sources a batch of 128 has some twice.
    """
    ordered = sorted(sources, key=len)
    chosen = [ordered[(2 * index + 1) * len(ordered) // (2 * batch)] for index in range(batch)]
    Random(batch).shuffle(chosen)
    return Workload(sources=tuple(chosen), num_new_tokens=max_new_tokens, ends=True)


def poisson_load(
    sources: Sequence[tuple[int, ...]],
    *,
    rate: float,
    seconds: float,
    max_new_tokens: int,
    num_beams: int,
) -> Load:
    """Return a Poisson process of requests, `rate` per second; the same on every call.

    It takes `seconds`, or up to three times as long if there were too few requests otherwise.

    Its random numbers do not depend on the rate: at twice the rate the same requests arrive in the
    same order, in half the time.
    """
    random = Random(0)
    count = max(round(rate * seconds), min(_LEAST_REQUESTS, round(3 * rate * seconds)), 1)
    now, arrivals, chosen = 0.0, [], []
    for _ in range(count):
        now += random.expovariate(1.0) / rate
        arrivals.append(now)
        chosen.append(random.choice(sources))
    return Load(
        arrivals_s=tuple(arrivals),
        sources=tuple(chosen),
        max_new_tokens=max_new_tokens,
        num_beams=num_beams,
    )
