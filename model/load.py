"""From a checkpoint folder to a model ready to serve: where all parts of `model` meet."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from model.config import TransformerConfig
from model.devices import TORCH_DTYPES, DtypeName, resolve_device, resolve_dtype
from model.engine.config import TokenRules
from model.errors import CheckpointError
from model.families.family import Family, HfConfig, required_int
from model.families.registry import family_of
from model.generation_config import (
    generation_defaults,
    read_generation_config,
    token_rules,
    without_nulls,
)
from model.json_file import read_json_object
from model.tokenizer.prompt import Prompt, Task
from model.tokenizer.tokenizer import Tokenizer
from model.transformer.packed import (
    Int8Linear,
    PackedLinear,
    WideInt8Linear,
    pack_linears,
    replace_linears,
)
from model.transformer.seq2seq import Seq2SeqTransformer
from model.weights.checkpoint import Checkpoint
from model.weights.loading import load_network

BUNDLED = Path(__file__).parent / "bundled"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """Everything about one checkpoint that serving it needs.

    `hf_config` is config.json, completed by generation_config.json. `generation` holds the
    checkpoint's own defaults for `GenerationParams`, by field name.
    """

    family: Family
    hf_config: HfConfig
    config: TransformerConfig
    network: Seq2SeqTransformer
    tokenizer: Tokenizer
    rules: TokenRules
    generation: dict[str, Any]
    dtype: DtypeName  # of the weights, never auto
    device: torch.device

    def prompt(self, text: str, task: Task) -> Prompt:
        """What the engine reads of a text; raises UnsupportedTaskError."""
        return self.family.prompt(self.tokenizer, self.hf_config, text, task)

    @property
    def cache_dtype(self) -> torch.dtype:
        """The precision of cached keys and values.

        A CPU attends in float32: with one query per row, its bfloat16 kernels took up to five times
        as long as its float32 ones, and the tables are small beside the weights.
        """
        return torch.float32 if self.device.type == "cpu" else TORCH_DTYPES[self.dtype]


def load_model(path: Path, *, dtype: DtypeName = "auto", device: str = "auto") -> LoadedModel:
    """Loads a checkpoint in Hugging Face's format from a folder.

    Args:
        path: Holds config.json, safetensors and tokenizer files.
        dtype: Of the weights; auto is bfloat16 where the device computes in it, else float32. int8
            is for CPUs: the fastest there, at about one percent of noise in every product.
        device: `cpu`, `cuda`, `cuda:1`; auto is a GPU if there is one.

    Raises:
        CheckpointError: The folder lacks something, or holds something unfit; says what.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder")
    hf_config = read_json_object(folder / "config.json")
    generation = read_generation_config(folder, hf_config)
    family = family_of(hf_config)
    config = family.architecture(hf_config)
    torch_device = resolve_device(device)
    dtype = resolve_dtype(dtype, torch_device)
    network = load_network(
        config,
        Checkpoint(folder),
        family.weights(config),
        dtype=TORCH_DTYPES[dtype],
        device=torch_device,
    )
    if dtype == "int8":
        replace_linears(network, Int8Linear, make_output=WideInt8Linear)
    elif dtype == "bfloat16" and torch_device.type == "cpu" and PackedLinear.is_available():
        pack_linears(network)
    tokenizer = family.load_tokenizer(folder)
    _check_vocabulary(tokenizer, config)
    return LoadedModel(
        family=family,
        hf_config={
            **generation,
            **without_nulls(hf_config),
            # `generate`, too, goes by generation_config.json where both files have it.
            "decoder_start_token_id": required_int(generation, "decoder_start_token_id"),
        },
        config=config,
        network=network,
        tokenizer=tokenizer,
        rules=token_rules(generation, vocab_size=config.target_vocab_size),
        generation=generation_defaults(generation),
        dtype=dtype,
        device=torch_device,
    )


def _check_vocabulary(tokenizer: Tokenizer, config: TransformerConfig) -> None:
    """Refuses a tokenizer whose text ids the embedding table has no row for.

    Special tokens may lie beyond it: BART's `<mask>` does in checkpoints that were fine-tuned.
    """
    ids = range(config.target_vocab_size, tokenizer.vocab_size)
    beyond = next((token_id for token_id in ids if token_id not in tokenizer.special_ids), None)
    if beyond is not None:
        raise CheckpointError(
            f"the tokenizer has a token {beyond}, but vocab_size is {config.target_vocab_size}"
        )
