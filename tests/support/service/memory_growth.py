"""Print what a process with both bundled models holds before, during and after odd texts.

Run as `python -m tests.support.service.memory_growth`, so that no other test has used its memory.
"""

import asyncio
import gc
import json
import os
import sys
from contextlib import aclosing
from random import Random

from loadtests.memory.mixed_load import odd_text
from loadtests.memory.processes import memory_of
from model.tokenizer.prompt import Summarization, Task, Translation
from service.backend import GenerateRequest, ParamOverrides
from service.catalogue.catalogue import load_catalogue
from service.deadline import Deadline
from service.hosting import trimming
from service.hosting.model_host import ModelHost
from service.settings import Settings

MB = 1_000_000
NUM_GROUPS, PER_GROUP = 3, 8  # of requests, in each half
NUM_TOKENS = 48
TIMEOUT_S = 30.0  # from the last answer until the memory is back


def main() -> None:
    """Print the anonymous memory as JSON, in bytes."""
    trimming.TRIM_EVERY_S = 0.2
    hosts = [ModelHost(entry, Settings()) for entry in load_catalogue(None).models]
    asyncio.run(answer(hosts, seed=0, num_groups=1, length=200))  # what is made at first use
    found = [settled(0)]
    for _ in range(2):  # the same texts, so that they need the same
        asyncio.run(answer(hosts, seed=1, num_groups=NUM_GROUPS))
        found.append(anonymous())
    found.append(settled(found[0] + 20 * MB))
    named = dict(zip(("fresh", "first", "second", "idle"), found, strict=True))
    sys.stdout.write(f"{json.dumps(named)}\n")
    sys.stdout.flush()
    os._exit(0)  # the engines' threads need no end


async def answer(
    hosts: list[ModelHost], *, seed: int, num_groups: int, length: int = 20_000
) -> None:
    """Have every model answer groups of odd texts with 1, 4 and 8 beams."""
    random = Random(seed)
    for group in range(num_groups):
        texts = [odd_text(random)[:length] for _ in range(PER_GROUP)]
        for host in hosts:
            requests = [request_of(host, text, beams=(1, 4, 8)[group % 3]) for text in texts]
            await asyncio.gather(*(finish(host, request) for request in requests))


def request_of(host: ModelHost, text: str, *, beams: int) -> GenerateRequest:
    task: Task = Translation("de", "en") if host.info.pairs else Summarization("tldr")
    return GenerateRequest(
        request_id="odd",
        model=host.info.handle,
        text=text,
        task=task,
        deadline=Deadline.after(600_000),
        overrides=ParamOverrides(num_beams=beams, max_new_tokens=NUM_TOKENS),
        on_overflow="truncate",
    )


async def finish(host: ModelHost, request: GenerateRequest) -> None:
    async with aclosing(host.generate(request)) as events:
        async for _ in events:
            pass


def settled(enough: int) -> int:
    """Return the memory once it is `enough`; 0: once it does not fall any more."""
    gc.collect()
    least = anonymous()
    for _ in range(int(TIMEOUT_S / 0.5)):
        if least <= enough:
            break
        asyncio.run(asyncio.sleep(0.5))
        least, before = min(least, anonymous()), least
        if enough == 0 and least == before:
            break
    return least


def anonymous() -> int:
    return memory_of(os.getpid()).anonymous


if __name__ == "__main__":
    main()
