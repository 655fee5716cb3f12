"""What a family of checkpoints is: a record of data, and of functions over config.json."""

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
    """All that sets one family of checkpoints apart. There is no subclass.

    Attributes:
        name: What people call it.
        model_types: The `model_type` values of config.json that belong to it.
        architecture: config.json to our description of the network.
        weights: Where each parameter lies in its checkpoints.
        load_tokenizer: From the folder of a checkpoint.
        layout: Which tokens stand around a text.
        language_tag: How its vocabularies write a language, a regular expression whose one group
            is the code; None where they name none.
        prefixes: What tells it the task, by task: text in front of the source, where `{source}`
            and `{target}` stand for the languages' English names. Only for checkpoints that
            declare `task_specific_params`: others were not trained with any.
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
    """The network that a config.json of the family describes.

    Raises:
        CheckpointError: A value is missing, or of a type that nothing can be made of.
        ConfigError, UnsupportedModelError: No network is like that, or none of ours.
    """
    try:
        return family.architecture(hf)
    except (TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise CheckpointError(
            f"config.json: describes no {family.name} network: {error}"
        ) from error


def required_int(hf: HfConfig, key: str) -> int:
    """A number of config.json that no default can stand for.

    Raises:
        CheckpointError: config.json has no such key, or something else under it.
    """
    value = hf.get(key)
    if value is None:
        raise CheckpointError(f"config.json: {key!r} is missing")
    if type(value) is not int:
        raise CheckpointError(f"config.json: {key!r} is {value!r}, not a whole number")
    return value
