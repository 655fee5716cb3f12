"""Parameters of one request: its own options before the checkpoint's, within the engine's room."""

from collections.abc import Mapping
from typing import Any

from model.tokenizer.prompt import Prompt, Task, Translation

# A translation has at most 4 tokens for each of its source's, and 32 more. Hindi has three bytes
# for one of English, and a byte is a token to ByT5; a few words may need more.
TOKENS_PER_SOURCE_TOKEN, SPARE_TOKENS = 4, 32
SAMPLING = ("temperature", "top_k", "top_p", "seed")


def merge_params(defaults: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return generation parameters by name, those of `chosen` before those of `defaults`.

    To choose sampling means one beam, and to choose several beams means no sampling, whatever the
    defaults say of the other.
    """
    both = {**defaults, **chosen}
    if any(chosen.get(name) is not None for name in SAMPLING):
        both["num_beams"] = chosen.get("num_beams", 1)
    elif chosen.get("num_beams", 1) > 1:
        both |= dict.fromkeys(SAMPLING)
    return both


def default_max_new_tokens(
    default: int, prompt: Prompt, task: Task, *, num_prefix_tokens: int, max_target_tokens: int
) -> int:
    """Return the limit of an output whose request names none, at least 1.

    A translation ends at a few times the length of its source: a small model in a loop should not
    hold its rows up to the model's limit.

    Args:
        default: The model's own limit.
        prompt: The encoder's tokens, and the decoder's first.
        task: Translation or summary.
        num_prefix_tokens: Tokens of the forced beginning that the request names.
        max_target_tokens: The decoder's positions.
    """
    room = max_target_tokens - len(prompt.decoder_prefix_ids) - 1 - num_prefix_tokens  # 1 forced
    limits = [default, room]
    if isinstance(task, Translation):
        limits.append(TOKENS_PER_SOURCE_TOKEN * len(prompt.encoder_ids) + SPARE_TOKENS)
    return max(1, min(limits))
