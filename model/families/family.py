"""The record that tells one family of checkpoints from another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.config import TransformerConfig
from model.errors import CheckpointError
from model.tokenizer.prompt import Prompt, Task
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
        prompt: Text and task to token ids; raises UnsupportedTaskError for a language that the
            vocabulary has no tag for.
    """

    name: str
    model_types: tuple[str, ...]
    architecture: Callable[[HfConfig], TransformerConfig]
    weights: Callable[[TransformerConfig], WeightMap]
    load_tokenizer: Callable[[Path], Tokenizer]
    prompt: Callable[[Tokenizer, HfConfig, str, Task], Prompt]


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
