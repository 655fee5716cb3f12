"""Starts a training from another's checkpoint, which may have another vocabulary."""

from pathlib import Path

import torch
from torch import Tensor

from model.load import LoadedModel, load_model
from model.training.corpus import TrainingError
from model.training.translation.vocabulary import Vocabulary
from model.transformer.seq2seq import Seq2SeqTransformer

_SPACE = "▁"  # SentencePiece's mark of a word's beginning
_PER_ENTRY = ("embedding.weight", "output_bias")  # tensors with a row for each vocabulary entry


def carry_over(checkpoint: Path, network: Seq2SeqTransformer, *, vocabulary: Vocabulary) -> None:
    """Copy a checkpoint's weights into a network of the same shape.

    An entry that both vocabularies have keeps its embedding; any other gets the mean of the
    embeddings of the pieces that the old vocabulary cuts it into.

    Args:
        checkpoint: A Marian folder, such as the bundled one.
        network: Fresh; changed in place.
        vocabulary: The network's.

    Raises:
        TrainingError: The checkpoint has another shape; the message names the first difference.
    """
    loaded = load_model(checkpoint, dtype="float32", device="cpu", packs=False)
    for side in ("encoder", "decoder"):  # shapes of tensors show neither heads nor surplus layers
        theirs, ours = getattr(loaded.config, side), getattr(network.config, side)
        if theirs != ours:
            raise TrainingError(f"{checkpoint}: its {side} is {theirs}, not {ours}")
    old, new = loaded.network.state_dict(), network.state_dict()
    rows = [_sources(token, loaded) for token in vocabulary.tokens]
    for name, tensor in new.items():
        if name not in old:
            raise TrainingError(f"{checkpoint} has no {name}: its shape is another")
        value = _remapped(old[name], rows) if name in _PER_ENTRY else old[name]
        if value.shape != tensor.shape:
            raise TrainingError(
                f"{checkpoint}: {name} is {tuple(value.shape)}, not {tuple(tensor.shape)}"
            )
        tensor.copy_(value)
    new["embedding.weight"][vocabulary.pad_id] = 0.0  # Marian's decoder starts from a zero vector


def _sources(token: str, loaded: LoadedModel) -> list[int]:
    """Return the old ids for an entry of the new vocabulary."""
    same = loaded.tokenizer.token_to_id(token)
    if same is not None:
        return [same]
    return loaded.tokenizer.encode(token.replace(_SPACE, " ").strip() or token)


def _remapped(table: Tensor, rows: list[list[int]]) -> Tensor:
    mean = table.mean(dim=0)
    return torch.stack([table[ids].mean(dim=0) if ids else mean for ids in rows])
