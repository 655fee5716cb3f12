"""Our networks compute what those of `transformers` compute, in float32, whatever the shape."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from model.families.registry import family_of
from model.json_file import read_json_object
from model.transformer.seq2seq import Seq2SeqTransformer
from model.weights.checkpoint import Checkpoint
from model.weights.loading import load_network
from tests.parity.references import Reference, make_bart, make_marian, randomize, save

EVERY_FAMILY: dict[str, dict[str, Any]] = {
    "as usual": {},
    "one layer, one head": {
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 1,
        "decoder_attention_heads": 1,
    },
    "deep encoder, shallow decoder": {"encoder_layers": 4, "decoder_layers": 1},
    "shallow encoder, deep decoder": {"encoder_layers": 1, "decoder_layers": 3},
    "heads of 7 and of 3": {
        "d_model": 21,
        "encoder_attention_heads": 3,
        "decoder_attention_heads": 7,
    },
    "an odd width, heads of 1": {
        "d_model": 15,
        "encoder_attention_heads": 15,
        "decoder_attention_heads": 5,
    },
    "other special tokens": {
        "pad_token_id": 5,
        "eos_token_id": 7,
        "bos_token_id": 8,
        "decoder_start_token_id": 3,
    },
    "untied output": {"tie_word_embeddings": False},
    "scaled embeddings": {"scale_embedding": True},
    "relu": {"activation_function": "relu"},
    "gelu": {"activation_function": "gelu"},
    "gelu by tanh": {"activation_function": "gelu_new"},
    "swish": {"activation_function": "swish"},
}
MARIAN_ONLY: dict[str, dict[str, Any]] = {
    "two vocabularies": {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 60},
    "a table for each side of one vocabulary": {"share_encoder_decoder_embeddings": False},
    "two vocabularies, untied output": {
        "share_encoder_decoder_embeddings": False,
        "decoder_vocab_size": 60,
        "tie_word_embeddings": False,
    },
}

Make = Callable[..., Reference]
MODELS = [
    *(pytest.param(make_marian, c, id=f"marian, {k}") for k, c in EVERY_FAMILY.items()),
    *(pytest.param(make_marian, c, id=f"marian, {k}") for k, c in MARIAN_ONLY.items()),
    *(pytest.param(make_bart, c, id=f"bart, {k}") for k, c in EVERY_FAMILY.items()),
]


def load(folder: Path, *, dtype: torch.dtype = torch.float32) -> Seq2SeqTransformer:
    hf_config = read_json_object(folder / "config.json")
    family = family_of(hf_config)
    config = family.architecture(hf_config)
    device = torch.device("cpu")
    weights = family.weights(config)
    return load_network(config, Checkpoint(folder), weights, dtype=dtype, device=device)


@pytest.mark.parametrize(("make", "changes"), MODELS)
def test_logits_are_those_of_transformers(
    tmp_path: Path, make: Make, changes: dict[str, Any]
) -> None:
    theirs = make(**changes)
    randomize(theirs)
    ours = load(save(theirs, tmp_path))
    source, target = torch.randint(50, (4, 13)), torch.randint(50, (4, 9))
    mask = torch.arange(13) < torch.tensor([13, 1, 6, 12])[:, None]
    with torch.inference_mode():
        logits = ours(source, target, encoder_mask=mask)
        expected = theirs(
            input_ids=source, attention_mask=mask.long(), decoder_input_ids=target
        ).logits
    assert expected.std() > 0.5  # or the tolerance would mean little
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("make", [make_marian, make_bart])
def test_the_longest_sequence_of_the_config_is_computed(tmp_path: Path, make: Make) -> None:
    theirs = make()
    randomize(theirs)
    ours = load(save(theirs, tmp_path))
    source, target = torch.randint(50, (1, 64)), torch.randint(50, (1, 64))
    with torch.inference_mode():
        expected = theirs(input_ids=source, decoder_input_ids=target).logits
        torch.testing.assert_close(ours(source, target), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("make", [make_marian, make_bart])
def test_the_numbers_of_parameters_agree(tmp_path: Path, make: Make) -> None:
    """Theirs without the fixed sinusoids, and with the output's bias, which is trained."""
    theirs = make()
    trained = sum(p.numel() for p in theirs.parameters() if p.requires_grad)
    assert load(save(theirs, tmp_path)).num_parameters == trained + 50


@pytest.mark.parametrize("make", [make_marian, make_bart])
def test_shards_are_put_together(tmp_path: Path, make: Make) -> None:
    theirs = make()
    randomize(theirs)
    theirs.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    source, target = torch.randint(50, (1, 5)), torch.randint(50, (1, 4))
    with torch.inference_mode():
        expected = theirs(input_ids=source, decoder_input_ids=target).logits
        torch.testing.assert_close(load(tmp_path)(source, target), expected, atol=1e-4, rtol=0)
