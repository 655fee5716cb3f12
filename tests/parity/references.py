"""Tiny random models of `transformers`, saved as checkpoints: the references of ours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils import logging

from model.engine.config import TokenRules
from model.families.family import HfConfig
from model.families.registry import family_of
from model.generation_config import (
    complete_config,
    generation_defaults,
    read_generation_config,
    token_rules,
)
from model.json_file import read_json_object
from model.transformer.seq2seq import Seq2SeqTransformer
from model.weights.checkpoint import Checkpoint
from model.weights.loading import load_network

logging.disable_progress_bar()  # of saving and loading: there is one for each tiny model

Changes = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Generating:
    """One model whose generated tokens are compared.

    Attributes:
        seed: For `ReferenceFamily.make`; such that outputs vary, see
            `test_the_outputs_compared_are_worth_comparing`.
        eos_bias: For `ReferenceFamily.make`.
        changes: Keys of config.json.
        generation: Keys of generation_config.json.
        forced_ids: First tokens that prompts force, in turn; as multilingual checkpoints are told
            the target language.
        is_exemplary: Whether it is compared with every setting of a search, not with a few only.
    """

    seed: int = 0
    eos_bias: float = 0.0
    changes: Changes = field(default_factory=dict)
    generation: Changes = field(default_factory=dict)
    forced_ids: Sequence[int] = ()
    is_exemplary: bool = False


@dataclass(frozen=True, kw_only=True)
class ReferenceFamily:
    """One family in the parity tests.

    Attributes:
        name: The name in test ids.
        make: Makes a random model, in float32, from `seed`, `eos_bias` (added to the end's logit),
            and changes of config.json as further keyword arguments.
        shapes: The changes of config.json with which logits are compared.
        generating: The models whose generated tokens are compared.
    """

    name: str
    make: Callable[..., PreTrainedModel]
    shapes: Mapping[str, Changes]
    generating: Mapping[str, Generating]


@dataclass(frozen=True, kw_only=True)
class Ours:
    """A checkpoint as `load_model` reads it, without a tokenizer."""

    network: Seq2SeqTransformer
    hf_config: HfConfig
    rules: TokenRules
    generation: dict[str, Any]


def save(model: PreTrainedModel, folder: Path, *, generation: Changes | None = None) -> Path:
    """Write config.json, generation_config.json and model.safetensors."""
    for key, value in (generation or {}).items():
        setattr(model.generation_config, key, value)
    model.save_pretrained(folder)
    return folder


def load(folder: Path, *, max_positions: int | None = None) -> Ours:
    """Load the checkpoint in a folder, in float32."""
    hf_config = read_json_object(folder / "config.json")
    generation = read_generation_config(folder, hf_config)
    family = family_of(hf_config)
    config = family.architecture(hf_config)
    if max_positions is not None:
        config = config.with_max_positions(max_positions)
    network = load_network(
        config,
        Checkpoint(folder),
        family.weights(config),
        dtype=torch.float32,
        device=torch.device("cpu"),
    )
    return Ours(
        network=network,
        hf_config=complete_config(hf_config, generation),
        rules=token_rules(generation, vocab_size=config.target_vocab_size),
        generation=generation_defaults(generation),
    )


def generated(sequence: Tensor, eos_ids: Sequence[int]) -> list[int]:
    """Return the tokens of a row of `generate`, without start, end and padding."""
    tokens: list[int] = sequence.tolist()[1:]
    ends = [index for index, token in enumerate(tokens) if token in eos_ids]
    return tokens[: ends[0]] if ends else tokens
