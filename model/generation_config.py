"""A checkpoint's settings for generation: special tokens, prefixes and default parameters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langcodes import Language

from model.engine.config import TokenRules
from model.errors import CheckpointError, UnsupportedTaskError
from model.families.family import HfConfig
from model.json_file import read_json_object
from model.tokenizer.prompt import Task, Translation

_PROMPT_KEYS = ("src_lang", "tgt_lang", "legacy_behaviour", "add_bos_token", "add_eos_token")


def read_generation_config(folder: Path, hf_config: HfConfig) -> HfConfig:
    """Return generation_config.json, or config.json, where old checkpoints have the same keys.

    As in `generate`, the first replaces the second: keys of config.json alone are then ignored.
    Only the start token and the end of sentence are read from both, as nothing works without them.
    """
    path = folder / "generation_config.json"
    if not path.is_file():
        return {**hf_config, **_old_keys(hf_config)}
    needed = {key: hf_config.get(key) for key in ("decoder_start_token_id", "eos_token_id")}
    return {**needed, **_without_nulls(read_json_object(path))}


def complete_config(hf_config: HfConfig, generation: HfConfig) -> HfConfig:
    """Return config.json, completed by generation_config.json.

    As in `generate`, the decoder's start token is that of the generation config if both files name
    one, and the start of sentence if neither does.
    """
    starts = [generation.get(key) for key in ("decoder_start_token_id", "bos_token_id")]
    starts.append(hf_config.get("bos_token_id"))
    start = next((token_id for token_id in starts if token_id is not None), None)
    return {**generation, **_without_nulls(hf_config), "decoder_start_token_id": start}


def tokenizer_settings(folder: Path) -> HfConfig:
    """Return the settings of tokenizer_config.json for the tokens around a text.

    `src_lang` and `tgt_lang` are among them if the checkpoint is for one pair of languages.
    """
    path = folder / "tokenizer_config.json"
    settings = read_json_object(path) if path.is_file() else {}
    return {key: settings[key] for key in _PROMPT_KEYS if settings.get(key) is not None}


def task_params(hf_config: HfConfig, task: Task) -> HfConfig:
    """Return config.json's `task_specific_params` of one task: T5's prefixes and defaults.

    Earlier releases of `transformers` applied them in their pipelines.
    """
    name = "summarization"
    if isinstance(task, Translation):
        name = f"translation_{task.source_lang}_to_{task.target_lang}"
    tasks = hf_config.get("task_specific_params")
    params = tasks.get(name) if isinstance(tasks, dict) else None
    return params if isinstance(params, dict) else {}


def task_prefix(hf_config: HfConfig, task: Task, *, general: Mapping[str, str]) -> str:
    """Return the text in front of a source that names the task.

    Args:
        hf_config: config.json. Its `prefix` applies to all tasks: a blank in BART's summarizers.
        task: The task of the request.
        general: The prefixes of the family, for pairs of languages that the file does not list; a
            checkpoint without `task_specific_params` was trained without prefixes.

    Raises:
        UnsupportedTaskError: The family's prefix needs a language that the task lacks, or whose
            English name is unknown.
    """
    prefix = task_params(hf_config, task).get("prefix")
    if isinstance(prefix, str):
        return prefix
    if not general or not hf_config.get("task_specific_params"):
        return hf_config.get("prefix") or ""
    if not isinstance(task, Translation):
        return general["summarization"]
    prefix = general["translation"]
    prefix = prefix.replace("{source}", _english_name("source_lang", task.source_lang))
    return prefix.replace("{target}", _english_name("target_lang", task.target_lang))


def _english_name(field: str, code: str | None) -> str:
    if code is None:
        raise UnsupportedTaskError(f"{field}: this model must be told the language")
    try:
        language = Language.get(code)
    except ValueError:
        language = Language.make()
    if language.language is None or not language.is_valid():
        raise UnsupportedTaskError(f"{field}: {code!r} is not a language that is known by name")
    return language.display_name("en")


def _old_keys(hf_config: HfConfig) -> HfConfig:
    """Return the settings of keys that BART's first checkpoints had under another name."""
    if hf_config.get("force_bos_token_to_be_generated"):
        return {"forced_bos_token_id": hf_config.get("bos_token_id")}
    return {}


def _without_nulls(hf_config: HfConfig) -> HfConfig:
    return {key: value for key, value in hf_config.items() if value is not None}


def token_rules(generation: HfConfig, *, vocab_size: int) -> TokenRules:
    """Return the special tokens of a checkpoint.

    Raises:
        CheckpointError: No token ends an output, or an id is not in the vocabulary.
    """

    def ids_of(key: str) -> list[int]:
        """Return the ids of a key, which is an id or a list; words of several tokens are errors."""
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
        renormalizes=bool(generation.get("renormalize_logits")),
    )


def generation_defaults(generation: HfConfig) -> dict[str, Any]:
    """Return the fields of `GenerationParams` that the checkpoint sets."""
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
