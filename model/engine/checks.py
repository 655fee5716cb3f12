"""Checks before a step: a bad request found within one would fail all requests of the batch."""

from collections.abc import Iterable

from model.config import TransformerConfig
from model.engine.block_pool import most_blocks
from model.engine.config import EngineConfig, TokenRules
from model.engine.params import GenerationParams
from model.errors import ConfigError, InputTooLongError, InvalidParamsError
from model.tokenizer.prompt import Prompt


def check_setup(config: TransformerConfig, rules: TokenRules, limits: EngineConfig) -> None:
    """Check token ids against the vocabulary and lengths against the positions.

    Raises:
        ConfigError: A token id is not in the vocabulary, or a length exceeds the positions.
    """
    forced = {"forced_bos_id": rules.forced_bos_id, "forced_eos_id": rules.forced_eos_id}
    named: dict[str, Iterable[int]] = {
        "eos_ids": rules.eos_ids,
        "suppressed_ids": rules.suppressed_ids,
    }
    named |= {field: [token_id] for field, token_id in forced.items() if token_id is not None}
    for field, ids in named.items():
        unknown = _first_unknown(ids, config.target_vocab_size)
        if unknown is not None:
            raise ConfigError(
                f"{field}: token {unknown} is not among the {config.target_vocab_size} "
                "that the model writes"
            )
    for field in ("max_source_tokens", "max_target_tokens"):
        if getattr(limits, field) > config.max_positions:
            raise ConfigError(
                f"{field}: {getattr(limits, field)} is above the {config.max_positions} positions "
                "of the model"
            )


def check_request(
    prompt: Prompt,
    params: GenerationParams,
    *,
    config: TransformerConfig,
    limits: EngineConfig,
    num_rows: int,
    num_blocks: int,
) -> None:
    """Check that the network can read a request's tokens and write its longest output.

    Args:
        prompt: Source and decoder prefix.
        params: Generation parameters.
        config: Of the network.
        limits: Of the engine.
        num_rows: Rows of the cache.
        num_blocks: Blocks of the cache.

    Raises:
        InputTooLongError: The source exceeds `max_source_tokens`.
        InvalidParamsError: A token id is not in the vocabulary, the prompt is empty, the output
            could exceed `max_target_tokens`, or it could need more rows or blocks than the cache
            has.
    """
    num_tokens = len(prompt.encoder_ids)
    if num_tokens > limits.max_source_tokens:
        raise InputTooLongError(num_tokens=num_tokens, limit_tokens=limits.max_source_tokens)
    forced = () if prompt.forced_bos_id is None else (prompt.forced_bos_id,)
    for field, ids, vocab_size in (
        ("encoder_ids", prompt.encoder_ids, config.vocab_size),
        ("forced_bos_id", forced, config.target_vocab_size),
        ("decoder_prefix_ids", prompt.decoder_prefix_ids, config.target_vocab_size),
        ("target_prefix_ids", params.target_prefix_ids, config.target_vocab_size),
    ):
        if not ids and field in ("encoder_ids", "decoder_prefix_ids"):
            raise InvalidParamsError(field, "is empty; at least 1 token is needed")
        unknown = _first_unknown(ids, vocab_size)
        if unknown is not None:
            raise InvalidParamsError(
                field, f"token {unknown} is not between 0 and {vocab_size - 1}"
            )
    _check_length(prompt, params, limits)
    field = "num_return" if params.do_sample else "num_beams"
    if params.num_rows > num_rows:
        raise InvalidParamsError(
            field, f"{params.num_rows} is above the {num_rows} rows of the cache"
        )
    num_prefix = len(prompt.decoder_prefix_ids) + len(params.target_prefix_ids)
    num_target = num_prefix + params.max_new_tokens
    needed = most_blocks(
        num_source_tokens=num_tokens, num_target_tokens=num_target, num_rows=params.num_rows
    )
    if needed > num_blocks:
        raise InvalidParamsError(
            field,
            f"{params.num_rows} outputs of up to {num_target} tokens and a source of {num_tokens} "
            f"take {needed} blocks of memory, above the {num_blocks} of the cache",
        )


def _check_length(prompt: Prompt, params: GenerationParams, limits: EngineConfig) -> None:
    room = limits.max_target_tokens - len(prompt.decoder_prefix_ids)
    if len(params.target_prefix_ids) >= room:
        raise InvalidParamsError(
            "target_prefix",
            f"{len(params.target_prefix_ids)} tokens leave nothing of the {room} "
            "this model can write",
        )
    room -= len(params.target_prefix_ids)
    if params.max_new_tokens > room:
        raise InvalidParamsError(
            "max_new_tokens", f"{params.max_new_tokens} is above the {room} this model can write"
        )


def _first_unknown(ids: Iterable[int], vocab_size: int) -> int | None:
    return next((token_id for token_id in ids if not 0 <= token_id < vocab_size), None)
