"""Derive a model's description and engine config from its catalogue entry and small files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from model.alignment.heads import Head, check_heads
from model.config import TransformerConfig
from model.devices import (
    PYTORCH,
    DtypeName,
    Precision,
    choose_precision,
    kernels_of,
    resolve_device,
)
from model.engine.block_pool import TOKENS_PER_BLOCK
from model.engine.cache import kernel_cache
from model.engine.cache.kv_cache import KVCache
from model.engine.config import EngineConfig, MemoryFraction
from model.engine.params import GenerationParams
from model.errors import ConfigError, InvalidParamsError, ModelError
from model.families.family import Family, network_config
from model.families.registry import family_of
from model.generation_config import generation_defaults, read_generation_config
from model.json_file import read_json_object
from model.load import LoadedModel
from model.request_params import merge_params
from model.tokenizer.languages import LanguageTags
from model.transformer.unloaded import unloaded
from service.backend import ModelInfo
from service.catalogue.catalogue import CatalogueError, ModelEntry
from service.hosting.stand_in_trials import UNTRIED
from service.pairs import Pairs
from service.settings import Settings
from service.sources.locate import ModelSource

FALLBACK_MAX_NEW_TOKENS = 256  # if neither checkpoint nor catalogue sets it
CPU_CACHE_BYTES = 2 << 30  # if not set; virtual memory, of which only used pages become resident
GPU_ENCODE_TOKENS = 16_384  # in one step; they take about as long as a decode step (CPU: 2,048)
SPARE_TARGET_TOKENS = 2  # decoder start, and a language token where there is one


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointInfo:
    """A checkpoint's properties, loaded or not.

    Attributes:
        family: Name of its family.
        config: The network's shape.
        num_parameters: Parameters of the network.
        languages: Codes of the languages with a tag in the vocabulary.
        generation: Its own defaults for `GenerationParams`.
        precision: Precision in which the weights are, or would be, loaded.
        device: Device on which the weights are, or would be, loaded.
        kernels: The kernels used there, as named by `kernels_of`.
        weights_bytes: Memory of the weights; None if they are not loaded.
    """

    family: str
    config: TransformerConfig
    num_parameters: int
    languages: tuple[str, ...]
    generation: Mapping[str, Any]
    precision: Precision
    device: torch.device
    kernels: str
    weights_bytes: int | None = None

    @classmethod
    def of_loaded(cls, loaded: LoadedModel) -> "CheckpointInfo":
        """Return the properties of a model in memory."""
        return cls(
            family=loaded.family.name,
            config=loaded.config,
            num_parameters=loaded.network.num_parameters,
            languages=tuple(loaded.languages),
            generation=loaded.generation,
            precision=loaded.precision,
            device=loaded.device,
            kernels=kernels_of(loaded.precision, loaded.device, loaded.config),
            weights_bytes=loaded.weights_bytes,
        )

    @classmethod
    def read(cls, source: ModelSource, entry: ModelEntry, settings: Settings) -> "CheckpointInfo":
        """Return the properties of a model on disk; read only its small files.

        Raises:
            ModelError: The files are missing or invalid, or do not fit the entry.
        """
        hf_config = read_json_object(source.folder / "config.json")
        family = family_of(hf_config)
        config = network_config(family, hf_config)
        positions = _positions(entry, config)
        if positions is not None:
            config = config.with_max_positions(positions)
        device = resolve_device(device_of(entry, settings))
        precision = choose_precision(dtype_of(entry, settings), device, config)
        num_parameters = unloaded(config).num_parameters
        generation = read_generation_config(source.folder, hf_config)
        return cls(
            family=family.name,
            config=config,
            num_parameters=num_parameters,
            languages=_languages(source, family) if entry.languages == "all" else (),
            generation=generation_defaults(generation),
            precision=precision,
            device=device,
            kernels=kernels_of(precision, device, config),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A model's description for clients, and the config of its engine."""

    info: ModelInfo
    engine: EngineConfig


def profile_of(
    entry: ModelEntry, settings: Settings, checkpoint: CheckpointInfo, *, source: ModelSource
) -> Profile:
    """Combine catalogue entry, settings and checkpoint.

    Raises:
        CatalogueError: The model's own generation parameters are out of range, or its vocabulary
            has no languages although the entry has `languages: all`, or its network lacks a head
            that the entry names.
        ConfigError: The cache's bytes are less than one row.
    """
    engine = _engine_config(entry, settings, checkpoint)
    _check_heads(entry, checkpoint)
    precision = checkpoint.precision
    if not isinstance(engine.kv_cache_bytes, MemoryFraction):  # else it is measured later
        _check_budget(engine, checkpoint)
    defaults = defaults_of(entry, checkpoint.generation, engine)
    dtype: str = precision.weights
    if dtype == "int8":
        dtype = str(precision.activations).removeprefix("torch.")
    info = ModelInfo(
        name=entry.name,
        tasks=entry.tasks,
        pairs=_pairs(entry, checkpoint),
        styles=entry.styles,
        default_for=entry.default_for,
        origin=entry.origin,
        revision=source.revision,
        max_input_tokens=engine.max_source_tokens,
        max_new_tokens=engine.max_target_tokens - SPARE_TARGET_TOKENS,
        max_waiting=engine.max_waiting,
        default_num_beams=defaults.get("num_beams", 1),
        defaults=defaults,
        family=checkpoint.family,
        num_parameters=checkpoint.num_parameters,
        weights_bytes=checkpoint.weights_bytes,
        dtype=dtype,
        quantize="int8" if precision.weights == "int8" else None,
        device=str(checkpoint.device),
        kernels=checkpoint.kernels,
        stand_ins=_stand_ins(entry),
    )
    return Profile(info=info, engine=engine)


def _check_budget(engine: EngineConfig, checkpoint: CheckpointInfo) -> None:
    """Check that the cache has room for a row, as the runner will that computes the network.

    Raises:
        ConfigError: It has not.
    """
    config, dtype = checkpoint.config, checkpoint.precision.cache
    if checkpoint.kernels == PYTORCH:
        engine.num_rows(bytes_per_token=KVCache.bytes_per_token(config, dtype))
    else:
        padded_bytes = kernel_cache.bytes_per_token(config, dtype)
        engine.num_blocks(bytes_per_token=padded_bytes, tokens_per_block=TOKENS_PER_BLOCK)


def _check_heads(entry: ModelEntry, checkpoint: CheckpointInfo) -> None:
    heads = [Head(*head) for head in entry.alignment_heads or ()]
    try:
        check_heads(heads, checkpoint.config)
    except ConfigError as error:
        raise CatalogueError(f"{entry.at('alignment_heads')}: {error}") from error


@contextmanager
def errors_naming(entry: ModelEntry) -> Iterator[None]:
    """Turn any error within the context into a CatalogueError that names the entry."""
    try:
        yield
    except CatalogueError:
        raise
    except ModelError as error:
        raise CatalogueError(f"{entry.at()}: {error}") from error
    except Exception as error:  # out of memory, a file that is deleted while it is read
        raise CatalogueError(f"{entry.at()}: {type(error).__name__}: {error}") from error


def dtype_of(entry: ModelEntry, settings: Settings) -> DtypeName:
    """Return the entry's dtype, else that of the settings."""
    return settings.dtype if entry.dtype == "auto" else entry.dtype


def device_of(entry: ModelEntry, settings: Settings) -> str:
    """Return the entry's device, else that of the settings."""
    return settings.device if entry.device == "auto" else entry.device


def positions_of(source: ModelSource, entry: ModelEntry) -> int | None:
    """Return the network's positions if the catalogue needs more than its config has, else None.

    Raises:
        ModelError: The files are missing or invalid.
    """
    hf_config = read_json_object(source.folder / "config.json")
    return _positions(entry, network_config(family_of(hf_config), hf_config))


def defaults_of(
    entry: ModelEntry, generation: Mapping[str, Any], config: EngineConfig
) -> dict[str, Any]:
    """Return a model's default generation parameters: the catalogue's, then the checkpoint's.

    Raises:
        CatalogueError: One is out of range.
    """
    fallback = {"max_new_tokens": FALLBACK_MAX_NEW_TOKENS}
    defaults = merge_params({**fallback, **generation}, entry.defaults)
    try:
        GenerationParams(**defaults)
    except InvalidParamsError as error:
        raise CatalogueError(
            f"{entry.at('defaults')}: its own generation parameters cannot be served: {error}; "
            "`defaults` in the catalogue overrides them"
        ) from error
    room = config.max_target_tokens - SPARE_TARGET_TOKENS
    return {**defaults, "max_new_tokens": min(defaults["max_new_tokens"], room)}


def _engine_config(
    entry: ModelEntry, settings: Settings, checkpoint: CheckpointInfo
) -> EngineConfig:
    limits = {} if entry.max_running_rows is None else {"max_rows": entry.max_running_rows}
    is_gpu = checkpoint.device.type == "cuda"
    if is_gpu:
        limits["max_encode_tokens"] = GPU_ENCODE_TOKENS
    positions = checkpoint.config.max_positions
    new = positions if entry.max_new_tokens is None else entry.max_new_tokens + SPARE_TARGET_TOKENS
    return EngineConfig(
        max_source_tokens=min(positions, entry.max_input_tokens or positions),
        max_target_tokens=min(positions, new),
        max_waiting=entry.max_waiting or settings.max_waiting,
        kv_cache_bytes=entry.kv_cache_bytes
        or settings.kv_cache_bytes
        or (MemoryFraction(settings.memory_fraction) if is_gpu else CPU_CACHE_BYTES),
        **limits,
    )


def _positions(entry: ModelEntry, config: TransformerConfig) -> int | None:
    new = 0 if entry.max_new_tokens is None else entry.max_new_tokens + SPARE_TARGET_TOKENS
    wanted = max(entry.max_input_tokens or 0, new)
    return wanted if wanted > config.max_positions else None


def _stand_ins(entry: ModelEntry) -> tuple[str, ...]:
    """Return the catalogue's stand-ins, else those to go with until the model has been tried."""
    if entry.stand_ins is not None:
        return entry.stand_ins
    return UNTRIED if "translation" in entry.tasks else ()


def _languages(source: ModelSource, family: Family) -> tuple[str, ...]:
    tokenizer = family.load_tokenizer(source.folder)
    return tuple(LanguageTags(tokenizer.added_tokens, pattern=family.language_tag).codes)


def _pairs(entry: ModelEntry, checkpoint: CheckpointInfo) -> Pairs:
    """Return the entry's pairs; for `languages: all`, those of the vocabulary's languages."""
    if entry.languages != "all":
        return entry.pairs
    pairs = Pairs.between(checkpoint.languages, checkpoint.languages)
    if not pairs:
        raise CatalogueError(
            f"{entry.at('languages')}: the model's vocabulary has no tags of languages; "
            "give pairs, or source and target"
        )
    return pairs
