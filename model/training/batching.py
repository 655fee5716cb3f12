"""Encoded sentence pairs, and how an epoch of them is cut into batches."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Ids = Sequence[int]


@dataclass(frozen=True, slots=True)
class Example:
    """A pair ready for the network: neither side has its tag or end of sentence yet."""

    tag_id: int
    source_ids: Ids
    target_ids: Ids

    def joined(self, other: "Example") -> "Example":
        """Both pairs as one text; they must ask for the same language."""
        return Example(
            self.tag_id,
            [*self.source_ids, *other.source_ids],
            [*self.target_ids, *other.target_ids],
        )

    @property
    def length(self) -> int:
        """Tokens of the longer side."""
        return max(len(self.source_ids), len(self.target_ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """What an epoch is made of."""

    shares: tuple[float, ...]  # of each pool of examples
    join_rate: float = 0.0  # of the texts that are several pairs joined
    max_joined: int = 3
    max_length: int = 200  # tokens; longer examples are left out
    max_batch_tokens: int = 4_096  # of the longer side, padding counted


@dataclass(frozen=True, slots=True)
class Batch:
    """One training step's tensors, padded on the right."""

    encoder_ids: Tensor  # (batch, keys) int64
    encoder_mask: Tensor  # (batch, keys) bool, True where there is a token
    decoder_ids: Tensor  # (batch, queries) int64
    labels: Tensor  # (batch, queries) int64
    label_mask: Tensor  # (batch, queries) bool

    @property
    def num_tokens(self) -> int:
        """Source and target tokens, without padding."""
        return int(self.encoder_mask.sum() + self.label_mask.sum())

    def to(self, device: torch.device) -> "Batch":
        return Batch(
            self.encoder_ids.to(device),
            self.encoder_mask.to(device),
            self.decoder_ids.to(device),
            self.labels.to(device),
            self.label_mask.to(device),
        )


def epoch_batches(
    pools: Sequence[Sequence[Example]], mixture: Mixture, *, rng: random.Random
) -> list[list[Example]]:
    """One epoch: the share of each pool, joined in part, grouped by length, in random order.

    Every example drawn is in exactly one batch, unless it is longer than `max_length`.
    """
    texts: list[Example] = []
    for pool, share in zip(pools, mixture.shares, strict=True):
        drawn = rng.sample(pool, round(share * len(pool)))
        texts += _join_some([x for x in drawn if x.length <= mixture.max_length], mixture, rng=rng)
    rng.shuffle(texts)  # the sort below is stable: equals stay in random order
    texts.sort(key=lambda text: (text.length, len(text.source_ids)))
    batches = list(_cut(texts, max_tokens=mixture.max_batch_tokens))
    rng.shuffle(batches)
    return batches


def _join_some(
    examples: Sequence[Example], mixture: Mixture, *, rng: random.Random
) -> Iterator[Example]:
    pending = iter(examples)
    for example in pending:
        text = example
        if rng.random() < mixture.join_rate:
            for other in _take(pending, rng.randint(1, mixture.max_joined - 1)):
                if text.length + other.length > mixture.max_length:
                    yield other
                else:
                    text = text.joined(other)
        yield text


def _take(examples: Iterator[Example], count: int) -> Iterator[Example]:
    for _, example in zip(range(count), examples, strict=False):
        yield example


def _cut(texts: Sequence[Example], *, max_tokens: int) -> Iterator[list[Example]]:
    batch: list[Example] = []
    for text in texts:  # by rising length: the last is the longest, its end of sentence counted
        if batch and (len(batch) + 1) * (text.length + 1) > max_tokens:
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch


def collate(examples: Sequence[Example], *, eos_id: int, pad_id: int) -> Batch:
    """Tensors of a batch: tag and </s> around the source, <pad> before the target, </s> after.

    source 5 6, target 7 8, tag 3    encoder_ids  3 5 6 0
                                     decoder_ids  9 7 8
                                     labels       7 8 0      # 0 = </s>, 9 = <pad>
    """
    encoder_ids = _pad([[x.tag_id, *x.source_ids, eos_id] for x in examples], pad_id)
    labels = _pad([[*x.target_ids, eos_id] for x in examples], pad_id)
    start = torch.full((len(examples), 1), pad_id)
    return Batch(
        encoder_ids=encoder_ids,
        encoder_mask=encoder_ids != pad_id,
        decoder_ids=torch.cat([start, labels[:, :-1]], dim=1),
        labels=labels,
        label_mask=labels != pad_id,
    )


def _pad(rows: Sequence[Ids], pad_id: int) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([[*row, *[pad_id] * (width - len(row))] for row in rows])
