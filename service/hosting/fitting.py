"""Cut what a model reads to its limit."""

from dataclasses import replace

from model.errors import InputTooLongError
from model.tokenizer.prompt import Prompt
from service.scores import OnOverflow


def fitted(prompt: Prompt, limit: int, *, on_overflow: OnOverflow) -> tuple[Prompt, bool]:
    """Return the prompt with at most `limit` tokens, and whether it was cut for that.

    A prompt that was cut ends with the same token as before.

    Raises:
        InputTooLongError: It is longer, and not to be cut.
    """
    num_tokens = len(prompt.encoder_ids)
    if num_tokens <= limit:
        return prompt, False
    if on_overflow == "error":
        raise InputTooLongError(num_tokens=num_tokens, limit_tokens=limit)
    *kept, _ = prompt.encoder_ids[:limit]
    return replace(prompt, encoder_ids=(*kept, prompt.encoder_ids[-1])), True
