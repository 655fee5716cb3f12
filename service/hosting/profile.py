"""What a model can do, by its files and its catalogue entry; for that, no weights are read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from model.config import TransformerConfig
from model.devices import DtypeName, Precision, choose_precision, kernels_of, resolve_device
from model.engine.cache.kv_cache import KVCache
from model.engine.config import EngineConfig, MemoryFraction
from model.engine.params import GenerationParams
from model.errors import InvalidParamsError, ModelError
from model.families.family import Family, network_config
from model.families.registry import family_of
from model.generation_config import generation_defaults, read_generation_config
from model.json_file import read_json_object
from model.load import LoadedModel
from model.tokenizer.languages import LanguageTags
from model.transformer.seq2seq import Seq2SeqTransformer
from service.backend import ModelInfo, merge_params
from service.catalogue.catalogue import CatalogueError, ModelEntry
from service.pairs import Pairs
from service.settings import Settings
from service.sources.locate import ModelSource

FALLBACK_MAX_NEW_TOKENS = 256  # where neither checkpoint nor catalogue says
CPU_CACHE_BYTES = 2 << 30  # where nobody says; pages that are not needed are not taken
GPU_ENCODE_TOKENS = 16_384  # in one step: about what a decoding step takes, where a CPU has 2,048
SPARE_TARGET_TOKENS = 2  # decoder start, and a language token where there is one


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a checkpoint says of itself.

    Attributes:
        family: Its kind.
        config: Its shape.
        num_parameters: How many numbers it has.
        languages: Those that its vocabulary has tags for.
        generation: Its own defaults for `GenerationParams`.
        precision: Of its weights, or what it would be loaded in.
        device: Where they are, or would be.
        kernels: Whose multiply by them there, as `kernels_of` calls them.
        weights_bytes: Memory that they take; None where they are not loaded.
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
    def of(cls, loaded: LoadedModel) -> "Facts":
        """Those of a model in memory."""
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
    def read(cls, source: ModelSource, entry: ModelEntry, settings: Settings) -> "Facts":
        """Those of a model on disk; of its files only the small ones are read.

        Raises:
            ModelError: The files, or the entry, describe no model.
        """
        hf_config = read_json_object(source.folder / "config.json")
        family = family_of(hf_config)
        config = network_config(family, hf_config)
        positions = _positions(entry, config)
        if positions is not None:
            config = config.with_max_positions(positions)
        device = resolve_device(device_of(entry, settings))
        precision = choose_precision(dtype_of(entry, settings), device, config)
        with torch.device("meta"):  # of which each parameter is only its shape
            num_parameters = Seq2SeqTransformer(config).num_parameters
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
    """How a model is run and what it is offered for."""

    info: ModelInfo
    engine: EngineConfig


def profile_of(
    entry: ModelEntry, settings: Settings, facts: Facts, *, source: ModelSource
) -> Profile:
    """The profile that the catalogue and the checkpoint give together.

    Raises:
        CatalogueError: The model's own generation parameters are out of range, or it has no
            languages to translate.
        ConfigError: Its cache has no room for a single row.
    """
    engine = _engine_config(entry, settings, facts)
    precision = facts.precision
    if not isinstance(engine.kv_cache_bytes, MemoryFraction):  # else it is measured later
        engine.num_rows(bytes_per_token=KVCache.bytes_per_token(facts.config, precision.cache))
    defaults = defaults_of(entry, facts.generation, engine)
    dtype: str = precision.weights
    if dtype == "int8":
        dtype = str(precision.activations).removeprefix("torch.")
    info = ModelInfo(
        name=entry.name,
        tasks=entry.tasks,
        pairs=_pairs(entry, facts),
        styles=entry.styles,
        default_for=entry.default_for,
        origin=entry.origin,
        revision=source.revision,
        max_input_tokens=engine.max_source_tokens,
        max_new_tokens=engine.max_target_tokens - SPARE_TARGET_TOKENS,
        max_waiting=engine.max_waiting,
        default_num_beams=defaults.get("num_beams", 1),
        defaults=defaults,
        family=facts.family,
        num_parameters=facts.num_parameters,
        weights_bytes=facts.weights_bytes,
        dtype=dtype,
        quantize="int8" if precision.weights == "int8" else None,
        device=str(facts.device),
        kernels=facts.kernels,
    )
    return Profile(info=info, engine=engine)


@contextmanager
def errors_naming(entry: ModelEntry) -> Iterator[None]:
    """What goes wrong within becomes a CatalogueError that names the entry."""
    try:
        yield
    except CatalogueError:
        raise
    except ModelError as error:
        raise CatalogueError(f"{entry.at()}: {error}") from error
    except Exception as error:  # memory that is not there, a file that goes while it is read
        raise CatalogueError(f"{entry.at()}: {type(error).__name__}: {error}") from error


def dtype_of(entry: ModelEntry, settings: Settings) -> DtypeName:
    """The entry's dtype, or what the settings say for all models."""
    return settings.dtype if entry.dtype == "auto" else entry.dtype


def device_of(entry: ModelEntry, settings: Settings) -> str:
    """The entry's device, or what the settings say for all models."""
    return settings.device if entry.device == "auto" else entry.device


def positions_of(source: ModelSource, entry: ModelEntry) -> int | None:
    """How many positions the network needs, where the catalogue asks for more than it says.

    Raises:
        ModelError: The files describe no model.
    """
    hf_config = read_json_object(source.folder / "config.json")
    return _positions(entry, network_config(family_of(hf_config), hf_config))


def defaults_of(
    entry: ModelEntry, generation: Mapping[str, Any], config: EngineConfig
) -> dict[str, Any]:
    """A model's own generation parameters: the catalogue's over the checkpoint's.

    Raises:
        CatalogueError: They are out of range.
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


def _engine_config(entry: ModelEntry, settings: Settings, facts: Facts) -> EngineConfig:
    limits = {} if entry.max_running_rows is None else {"max_rows": entry.max_running_rows}
    is_gpu = facts.device.type == "cuda"
    if is_gpu:
        limits["max_encode_tokens"] = GPU_ENCODE_TOKENS
    positions = facts.config.max_positions
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


def _languages(source: ModelSource, family: Family) -> tuple[str, ...]:
    tokenizer = family.load_tokenizer(source.folder)
    return tuple(LanguageTags(tokenizer.added_tokens, pattern=family.language_tag).codes)


def _pairs(entry: ModelEntry, facts: Facts) -> Pairs:
    """Those of the catalogue, or every two of the languages that the vocabulary has."""
    if entry.languages != "all":
        return entry.pairs
    pairs = Pairs.between(facts.languages, facts.languages)
    if not pairs:
        raise CatalogueError(
            f"{entry.at('languages')}: the model's vocabulary has no tags of languages; "
            "give pairs, or source and target"
        )
    return pairs
