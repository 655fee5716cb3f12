"""Describe a model by its files, without loading its weights: `dragoman models info`."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from model.config import Stack, TransformerConfig
from model.errors import CheckpointError
from model.families.family import Family, network_config
from model.families.registry import family_of
from model.generation_config import generation_defaults, read_generation_config
from model.json_file import read_json_object
from model.tokenizer.languages import LanguageTags
from model.transformer.unloaded import unloaded
from model.weights.files import SINGLE_FILE
from service.cli.report import size, wrapped
from service.sources.locate import ModelSource


def describe(name: str, source: ModelSource) -> dict[str, Any]:
    """Return a record of a model, from its JSON files, its tokenizer and its weights' headers.

    Raises:
        CheckpointError: The folder holds no model, or no family supports it.
    """
    folder = source.folder
    hf_config = read_json_object(folder / "config.json")
    family = family_of(hf_config)
    config = network_config(family, hf_config)
    return {
        "model": name,
        "origin": source.origin,
        "revision": source.revision,
        "folder": str(folder),
        "family": family.name,
        "model_type": hf_config["model_type"],
        "parameters": unloaded(config).num_parameters,
        "bytes_by_dtype": bytes_by_dtype(folder),
        "vocabulary": {"source": config.vocab_size, "target": config.target_vocab_size},
        "max_positions": config.max_positions,
        "encoder": _stack(config, config.encoder),
        "decoder": _stack(config, config.decoder),
        "languages": _languages(family, folder),
        "generation": generation_defaults(read_generation_config(folder, hf_config)),
        "files": {path.name: path.stat().st_size for path in _files(folder)},
    }


def rows_of(description: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (title, text) of each line of a description."""
    revision = description["revision"]
    yield "model", description["model"] + (f" at {revision}" if revision else "")
    yield "folder", f"{description['folder']} ({description['origin']})"
    yield "family", f"{description['family']} (model_type {description['model_type']})"
    yield "parameters", f"{description['parameters']:,}"
    for dtype, num_bytes in description["bytes_by_dtype"].items():
        yield "on disk", f"{size(num_bytes)} of {dtype}"
    source, target = description["vocabulary"].values()
    both = "" if source == target else f" of the source, {target:,} of the target"
    yield "vocabulary", f"{source:,} tokens{both}"
    for side in ("encoder", "decoder"):
        shape = description[side]
        yield side, ", ".join(f"{value:,} {name}" for name, value in shape.items())
    yield "positions", f"{description['max_positions']:,} tokens, source or target"
    languages = description["languages"]
    for line in wrapped(" ".join(languages)) if languages else ():
        yield "languages", line
    for key, value in description["generation"].items():
        yield "generation", f"{key}: {value}"
    for name, num_bytes in description["files"].items():
        yield "files", f"{name}  {size(num_bytes)}"


def bytes_by_dtype(folder: Path) -> dict[str, int]:
    """Return the bytes of a folder's tensors by type, such as `F32`; read headers only.

    Raises:
        CheckpointError: A file is not safetensors.
    """
    num_bytes: Counter[str] = Counter()
    single = folder / SINGLE_FILE
    for path in [single] if single.is_file() else sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(str(path), framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 - not a mapping
                    tensor = file.get_slice(name)
                    dtype = tensor.get_dtype()
                    num_bytes[dtype] += _bytes_of(dtype, tensor.get_shape())
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path}: not a safetensors file: {error}") from error
    return dict(num_bytes)


def _bytes_of(dtype: str, shape: list[int]) -> int:
    """Return the bytes of a tensor; its type's name has the bits: `F32`, `F8_E4M3` (`BOOL`: 8)."""
    digits = "".join(filter(str.isdigit, dtype.partition("_")[0]))
    return torch.Size(shape).numel() * int(digits or 8) // 8


def _stack(config: TransformerConfig, stack: Stack) -> dict[str, int]:
    return {
        "layers": stack.num_layers,
        "wide": config.width(stack),
        "heads": stack.num_heads,
        "in the feed-forward": stack.d_ff,
    }


def _languages(family: Family, folder: Path) -> list[str]:
    if family.language_tag is None:
        return []
    tokens = family.load_tokenizer(folder).added_tokens
    return list(LanguageTags(tokens, pattern=family.language_tag).codes)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())
