"""A model's first requests, run before any client's: whatever is made lazily is made then."""

from collections.abc import Iterator, Sequence

from model.tokenizer.prompt import Summarization, Task, Translation
from service.backend import GenerateRequest, ModelInfo, ParamOverrides
from service.deadline import Deadline

MAX_NEW_TOKENS = 24  # enough for every kernel; the rest of an answer is more of the same
TIMEOUT_MS = 600_000  # for the largest model on the slowest machine

_SENTENCE = "On Monday the committee of the city will decide whether the old bridge is repaired."
_TEXTS = ("Hello.", _SENTENCE, " ".join([_SENTENCE] * 4))


def rounds(info: ModelInfo, texts: Sequence[str] = ()) -> Iterator[list[GenerateRequest]]:
    """Yield requests in rounds; those of a round are to be sent at once.

    Greedy and with the model's own beams, each text by itself and all together.

    Args:
        info: Of the model.
        texts: What to give it; sentences of usual sizes if none are named.
    """
    chosen = tuple(texts) or _TEXTS
    groups = [[text] for text in chosen] + ([list(chosen)] if len(chosen) > 1 else [])
    for num_beams in dict.fromkeys((1, info.default_num_beams)):
        for group in groups:
            yield [_request(info, text, number, num_beams) for number, text in enumerate(group)]


def _request(info: ModelInfo, text: str, number: int, num_beams: int) -> GenerateRequest:
    return GenerateRequest(
        request_id=f"warm-up/{number}",
        model=info.handle,
        text=text,
        task=_task(info),
        deadline=Deadline.after(TIMEOUT_MS),
        overrides=ParamOverrides(
            num_beams=num_beams, max_new_tokens=min(MAX_NEW_TOKENS, info.max_new_tokens)
        ),
        on_overflow="truncate",
    )


def _task(info: ModelInfo) -> Task:
    """Return the first pair that the model translates, or its first style."""
    pair = next(iter(info.pairs), None)
    if pair is None:
        return Summarization(next(iter(info.styles), None))
    source, target = pair
    return Translation(target, source)
