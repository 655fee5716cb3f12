"""Batches of examples of similar length, and the tensors of one training step."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Ids = Sequence[int]


@dataclass(frozen=True, slots=True)
class Example:
    """One source and target as ids, special tokens included."""

    source_ids: Ids  # the input of the encoder
    target_ids: Ids  # the labels of the decoder

    @property
    def length(self) -> int:
        """Tokens of the longer side."""
        return max(len(self.source_ids), len(self.target_ids))


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


def cut_into_batches(
    examples: Sequence[Example], *, max_tokens: int, rng: random.Random
) -> list[list[Example]]:
    """Return batches of examples of similar length, each example once, in random order.

    Args:
        examples: In any order.
        max_tokens: The tokens of a batch's longer side, padding included; a longer example is a
            batch alone.
        rng: Shuffles.
    """
    texts = list(examples)
    rng.shuffle(texts)  # the sort below is stable: equals stay in random order
    texts.sort(key=lambda text: (text.length, len(text.source_ids)))
    batches = list(_cut(texts, max_tokens=max_tokens))
    rng.shuffle(batches)
    return batches


def _cut(texts: Sequence[Example], *, max_tokens: int) -> Iterator[list[Example]]:
    batch: list[Example] = []
    for text in texts:  # by rising length: the last is the longest
        if batch and (len(batch) + 1) * text.length > max_tokens:
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch


def collate(examples: Sequence[Example], *, start_id: int, pad_id: int) -> Batch:
    """Return the tensors of a batch; the decoder reads the labels shifted right by one.

    source 3 5 6 0, target 7 8 0, start 9    encoder_ids  3 5 6 0
                                             decoder_ids  9 7 8
                                             labels       7 8 0
    """
    encoder_ids, encoder_mask = _pad([x.source_ids for x in examples], pad_id)
    labels, label_mask = _pad([x.target_ids for x in examples], pad_id)
    start = torch.full((len(examples), 1), start_id)
    return Batch(
        encoder_ids=encoder_ids,
        encoder_mask=encoder_mask,
        decoder_ids=torch.cat([start, labels[:, :-1]], dim=1),
        labels=labels,
        label_mask=label_mask,
    )


def _pad(rows: Sequence[Ids], pad_id: int) -> tuple[Tensor, Tensor]:
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[pad_id] * (width - len(row))] for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    return ids, torch.arange(width) < lengths[:, None]
