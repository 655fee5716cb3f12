"""Find by trying which stand-ins a model copies, for what must come back unchanged."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from model.tokenizer.prompt import Translation
from service.backend import Event, FinishedEvent, GenerateRequest, ModelInfo, ParamOverrides
from service.deadline import Deadline
from service.hosting.stand_in_trials import FORMS, UNTRIED, Trial, trials

MIN_SHARE = (
    0.75  # of a name's sentences, and of a form's: below, trying it costs more than it saves
)
MIN_NAMES = 4  # of a form, to go with it
MAX_NEW_TOKENS = 64
TIMEOUT_MS = 600_000  # for the largest model on the slowest machine

Generate = Callable[[GenerateRequest], AsyncGenerator[Event, None]]


async def find_stand_ins(info: ModelInfo, generate: Generate) -> tuple[str, ...]:
    """Return the names, best first, of the first form that the model copies well; empty if none.

    The sentences and their order are the same each time, so replicas agree.

    Args:
        info: Of the model; one that does not translate has no stand-ins.
        generate: Answers a request, as `Backend.generate` does.
    """
    for names in FORMS if info.pairs else ():
        tried = trials(info.pairs, names)
        if not tried:
            return UNTRIED
        copied = _copied(names, tried, await _outputs(info, tried, generate))
        if len(copied) >= MIN_NAMES:
            return copied
    return ()


async def _outputs(info: ModelInfo, tried: Sequence[Trial], generate: Generate) -> list[str]:
    """Return the translations; as many are asked for at once as may wait."""

    async def output(number: int) -> str:
        async with aclosing(generate(_request(info, tried[number], number))) as events:
            finished = [event async for event in events if isinstance(event, FinishedEvent)]
        return finished[0].outputs[0].text

    at_once = info.max_waiting or len(tried)
    outputs: list[str] = []
    for start in range(0, len(tried), at_once):
        numbers = range(start, min(start + at_once, len(tried)))
        outputs += await asyncio.gather(*map(output, numbers))
    return outputs


def _copied(
    names: Sequence[str], tried: Sequence[Trial], outputs: Sequence[str]
) -> tuple[str, ...]:
    """Return the names that most of their outputs have once, best first; empty if many failed."""
    num_tried: Counter[str] = Counter()
    num_copied: Counter[str] = Counter()
    num_whole = 0
    for trial, output in zip(tried, outputs, strict=True):
        found = [name for name in trial.names if output.count(name) == 1]
        num_tried.update(trial.names)
        num_copied.update(found)
        num_whole += len(found) == len(trial.names)
    if num_whole < MIN_SHARE * len(tried):
        return ()
    shares = {name: num_copied[name] / num_tried[name] for name in names if num_tried[name]}
    kept = [name for name, share in shares.items() if share >= MIN_SHARE]
    return tuple(sorted(kept, key=lambda name: -shares[name]))


def _request(info: ModelInfo, trial: Trial, number: int) -> GenerateRequest:
    return GenerateRequest(
        request_id=f"stand-ins/{number}",
        model=info.handle,
        text=trial.text,
        task=Translation(trial.target, trial.source),
        deadline=Deadline.after(TIMEOUT_MS),
        overrides=ParamOverrides(max_new_tokens=min(MAX_NEW_TOKENS, info.max_new_tokens)),
        on_overflow="truncate",
    )
