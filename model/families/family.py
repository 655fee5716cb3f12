"""The record that describes a family of checkpoints: data, and functions of config.json."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.config import TransformerConfig
from model.errors import CheckpointError
from model.families.layout import Layout
from model.tokenizer.tokenizer import Tokenizer
from model.weights.weight_map import WeightMap

HfConfig = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family of checkpoints. A family is an instance of this record, never a subclass.

    Attributes:
        name: The published name.
        model_types: The values of `model_type` in config.json that belong to it.
        architecture: Makes the description of the network from config.json.
        weights: Makes the names of the parameters in its checkpoints.
        load_tokenizer: Loads the tokenizer from a checkpoint's folder.
        layout: Makes the order of special tokens around a text.
        language_tag: A regular expression for the language tags of its vocabularies, whose one
            group is the language's code; None where there are no tags.
        prefixes: Text in front of the source, by task; `{source}` and `{target}` stand for the
            languages' English names. Only checkpoints that declare `task_specific_params` get one:
            others were trained without.
    """

    name: str
    model_types: tuple[str, ...]
    architecture: Callable[[HfConfig], TransformerConfig]
    weights: Callable[[TransformerConfig], WeightMap]
    load_tokenizer: Callable[[Path], Tokenizer]
    layout: Callable[[HfConfig], Layout]
    language_tag: str | None = None
    prefixes: Mapping[str, str] = field(default_factory=dict)


def network_config(family: Family, hf: HfConfig) -> TransformerConfig:
    """Return the network that a config.json of the family describes.

    Raises:
        CheckpointError: A value is missing or has the wrong type.
        ConfigError: The values contradict each other.
        UnsupportedModelError: The network has a feature that ours lacks.
    """
    try:
        return family.architecture(hf)
    except (TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise CheckpointError(
            f"config.json: describes no {family.name} network: {error}"
        ) from error


def required_int(hf: HfConfig, key: str) -> int:
    """Return an integer of config.json that has no default.

    Raises:
        CheckpointError: config.json has no such key, or its value is no integer.
    """
    value = hf.get(key)
    if value is None:
        raise CheckpointError(f"config.json: {key!r} is missing")
    if type(value) is not int:
        raise CheckpointError(f"config.json: {key!r} is {value!r}, not a whole number")
    return value
