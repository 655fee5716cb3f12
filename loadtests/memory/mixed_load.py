"""Requests of all kinds for both models, from users that each wait for their answer."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import requests

from loadtests.corpus import SENTENCES, one_abstract, one_sentence, paragraph, several_sentences

Body = dict[str, Any]

_BEAMS = (1, 4, 8)
_LENGTHS = (200, 1_000, 5_000, 20_000)  # characters of an odd text, rarer the longer they are
_EMOJI = "😀🎉🚀👍🏽❤️"


@dataclass(frozen=True, slots=True)
class Service:
    """The address of a service, and the languages and styles that it offers."""

    url: str
    pairs: Sequence[tuple[str, str]]
    styles: Sequence[str]


def odd_text(random: Random) -> str:
    """Return a text as nobody writes it, of some 200 to 20,000 characters."""
    (length,) = random.choices(_LENGTHS, weights=(4, 4, 2, 1))
    kinds: Sequence[Callable[[], str]] = (
        lambda: "again " * (length // 6),
        lambda: "x" * length,
        lambda: "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=length)),
        lambda: "".join(random.choices(_EMOJI, k=length)),
        lambda: "".join(chr(random.randrange(0x4E00, 0x9FFF)) for _ in range(length)),
        lambda: " ".join(str(random.randrange(10**9)) for _ in range(length // 10)),
        lambda: "\n\n".join(random.choices(SENTENCES, k=length // 50)),
        lambda: " ".join(random.choices(SENTENCES, k=length // 50)).replace(".", ""),
    )
    return random.choice(kinds)()


def any_request(random: Random, service: Service) -> tuple[str, Body]:
    """Return a route and a body: most are short sentences, one in twenty is odd."""
    (kind,) = random.choices(
        ("sentence", "list", "batch", "paragraph", "document", "summary", "odd"),
        weights=(50, 15, 2, 10, 3, 15, 5),
    )
    texts: str | list[str]
    match kind:
        case "list":
            texts = several_sentences(random)
        case "batch":
            texts = random.choices(SENTENCES, k=random.randint(40, 120))
        case "paragraph":
            texts = paragraph(random)
        case "document":
            texts = "\n\n".join(paragraph(random) for _ in range(random.randint(4, 12)))
        case "summary":
            texts = one_abstract(random)
        case "odd":
            texts = odd_text(random)
        case _:
            texts = one_sentence(random)
    beams = {"num_beams": random.choice(_BEAMS), "timeout_ms": 120_000}
    is_summary = kind == "summary" or (kind == "odd" and random.choice((True, False)))
    if is_summary and service.styles:
        return "/v1/summarize", {"text": texts, "style": random.choice(service.styles), **beams}
    source, target = random.choice(service.pairs)
    return "/v1/translate", {"text": texts, "source_lang": source, "target_lang": target, **beams}


class MixedLoad:
    """Users that send requests until they are told to stop.

    Attributes:
        statuses: Answers by HTTP status; 0 is none at all.
    """

    def __init__(self, service: Service, *, num_users: int, seed: int = 0) -> None:
        self.statuses: Counter[int] = Counter()
        self._service = service
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._users = [
            threading.Thread(target=self._use, args=(Random(f"{seed}/{user}"),), daemon=True)
            for user in range(num_users)
        ]

    def start(self) -> None:
        for user in self._users:
            user.start()

    def stop(self) -> None:
        """Send no more, and return when the last answers are there."""
        self._is_over.set()
        for user in self._users:
            user.join()

    def _use(self, random: Random) -> None:
        with requests.Session() as session:
            while not self._is_over.is_set():
                route, body = any_request(random, self._service)
                try:
                    answer = session.post(self._service.url + route, json=body, timeout=150)
                    status = answer.status_code
                except requests.RequestException:
                    status = 0
                    time.sleep(1.0)
                with self._lock:
                    self.statuses[status] += 1
