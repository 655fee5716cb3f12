"""From a checkpoint folder to a model ready to serve: where all parts of `model` meet."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from model.config import TransformerConfig
from model.engine.config import TokenRules
from model.errors import CheckpointError, ConfigError
from model.families.family import Family, HfConfig, required_int
from model.families.registry import family_of
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

DtypeName = Literal["auto", "float32", "bfloat16", "float16", "int8"]
BUNDLED = Path(__file__).parent / "bundled"

# The type of activations and of all weights but int8 ones.
_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "int8": torch.float32,
}


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
        return torch.float32 if self.device.type == "cpu" else _DTYPES[self.dtype]


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
    generation = _generation_config(folder, hf_config)
    family = family_of(hf_config)
    config = family.architecture(hf_config)
    torch_device = resolve_device(device)
    dtype = resolve_dtype(dtype, torch_device)
    network = load_network(
        config,
        Checkpoint(folder),
        family.weights(config),
        dtype=_DTYPES[dtype],
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
            **_without_nulls(hf_config),
            # `generate`, too, goes by generation_config.json where both files have it.
            "decoder_start_token_id": required_int(generation, "decoder_start_token_id"),
        },
        config=config,
        network=network,
        tokenizer=tokenizer,
        rules=_token_rules(generation, vocab_size=config.target_vocab_size),
        generation=_generation_defaults(generation),
        dtype=dtype,
        device=torch_device,
    )


def resolve_device(name: str) -> torch.device:
    """The device of that name; auto is a GPU if there is one.

    Raises:
        ConfigError: There is no such device, or none on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device: {name!r} is not auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"device: {name!r} is not auto, cpu, cuda or cuda:N")
    num_gpus = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= num_gpus:
        raise ConfigError(f"device: {name!r} was asked for, but CUDA devices here: {num_gpus}")
    return device


def resolve_dtype(name: DtypeName, device: torch.device) -> DtypeName:
    """The dtype of that name; auto picks by what the device computes fast.

    Raises:
        ConfigError: There is no such dtype, or not on this device.
    """
    if name not in ("auto", *_DTYPES):
        raise ConfigError(f"dtype: {name!r} is not one of auto, {', '.join(_DTYPES)}")
    if name == "int8" and not (device.type == "cpu" and Int8Linear.is_available()):
        raise ConfigError(f"dtype: 'int8' needs a CPU with VNNI instructions, not {device}")
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()  # noqa: SLF001
    return "bfloat16" if fast else "float32"


def _generation_config(folder: Path, hf_config: HfConfig) -> HfConfig:
    """generation_config.json, or config.json, where old checkpoints keep the same keys.

    As in `generate`, the one replaces the other: what only config.json says is then of no matter.
    Only the two tokens that nothing works without are looked for in both.
    """
    path = folder / "generation_config.json"
    if not path.is_file():
        return hf_config
    needed = {key: hf_config.get(key) for key in ("decoder_start_token_id", "eos_token_id")}
    return {**needed, **_without_nulls(read_json_object(path))}


def _without_nulls(hf_config: HfConfig) -> HfConfig:
    return {key: value for key, value in hf_config.items() if value is not None}


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


def _token_rules(generation: HfConfig, *, vocab_size: int) -> TokenRules:
    def ids_of(key: str) -> list[int]:
        """One id or several: checkpoints write either. Words of several tokens cannot be banned."""
        value = generation.get(key)
        ids = [] if value is None else value if isinstance(value, list) else [value]
        ids = [id_[0] if isinstance(id_, list) and len(id_) == 1 else id_ for id_ in ids]
        for id_ in ids:
            if type(id_) is not int or not 0 <= id_ < vocab_size:
                raise CheckpointError(
                    f"config.json: {key!r} has {id_!r}, no token id below {vocab_size}"
                )
        return ids

    if not ids_of("eos_token_id"):
        raise CheckpointError("config.json: 'eos_token_id' is missing")
    return TokenRules(
        eos_ids=frozenset(ids_of("eos_token_id")),
        suppressed_ids=tuple(sorted({*ids_of("bad_words_ids"), *ids_of("suppress_tokens")})),
        forced_bos_id=next(iter(ids_of("forced_bos_token_id")), None),
        forced_eos_id=next(iter(ids_of("forced_eos_token_id")), None),
    )


def _generation_defaults(generation: HfConfig) -> dict[str, Any]:
    names = (
        "num_beams",
        "length_penalty",
        "early_stopping",
        "repetition_penalty",
        "no_repeat_ngram_size",
        "max_new_tokens",
        "min_new_tokens",
    )
    defaults = {name: generation[name] for name in names if generation.get(name) is not None}
    if "max_new_tokens" not in defaults and generation.get("max_length"):
        defaults["max_new_tokens"] = generation["max_length"] - 1  # the start token counts there
    if "min_new_tokens" not in defaults and generation.get("min_length"):
        defaults["min_new_tokens"] = max(0, generation["min_length"] - 1)
    return defaults
