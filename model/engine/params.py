"""How one request wants its output: names and meanings as in Hugging Face's `generate`."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from model.errors import InvalidParamsError

MAX_BEAMS = 8
MAX_SEED = (1 << 64) - 1


class FinishReason(StrEnum):
    """Why a request's output ended."""

    STOP = "stop"  # the model said end of sentence
    LENGTH = "length"  # max_new_tokens was reached
    ABORTED = "aborted"  # the caller no longer wants it
    DEADLINE = "deadline"  # its deadline passed
    OUT_OF_MEMORY = "out_of_memory"  # it does not fit, not even alone
    ERROR = "error"  # no token could follow: all were excluded, or the scores were not numbers


class Priority(StrEnum):
    """Who goes first when requests wait."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationParams:
    """The knobs of one request; `max_repeats` is ours.

    Greedy by default; beam search when `num_beams` > 1; sampling when any of `temperature`,
    `top_k`, `top_p` or `seed` is given. A finished beam is ranked by
    sum of log-probabilities / (number of generated tokens ** length_penalty).
    """

    max_new_tokens: int = 256
    min_new_tokens: int = 0  # no end of sentence before
    num_beams: int = 1
    num_return: int = 1
    length_penalty: float = 1.0
    early_stopping: bool | Literal["never"] = False
    repetition_penalty: float = 1.0  # 1.0 = none
    no_repeat_ngram_size: int = 0  # 0 = none
    max_repeats: int = 0  # times in a row that an n-gram may occur, see `repetition`; 0 = any
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    target_prefix_ids: tuple[int, ...] = ()  # forced beginning of the output
    return_scores: bool = False  # costs greedy decoding a pass over the logits

    def __post_init__(self) -> None:
        _check("max_new_tokens", self.max_new_tokens, low=1)
        _check("min_new_tokens", self.min_new_tokens, low=0)
        _check("num_beams", self.num_beams, low=1, high=MAX_BEAMS)
        _check("repetition_penalty", self.repetition_penalty, low=1.0, high=2.0)
        _check("no_repeat_ngram_size", self.no_repeat_ngram_size, low=0, high=10)
        _check("max_repeats", self.max_repeats, low=0)
        _check("length_penalty", self.length_penalty, low=-10.0, high=10.0)
        if not isinstance(self.early_stopping, bool) and self.early_stopping != "never":
            raise InvalidParamsError(
                "early_stopping", f"{self.early_stopping!r} is not true, false or 'never'"
            )
        self._check_sampling()
        most = MAX_BEAMS if self.do_sample else self.num_beams
        _check("num_return", self.num_return, low=1, high=most)

    def _check_sampling(self) -> None:
        if self.temperature is not None:
            _check_above_0("temperature", self.temperature, high=10.0)
        if self.top_k is not None:
            _check("top_k", self.top_k, low=1)
        if self.top_p is not None:
            _check_above_0("top_p", self.top_p, high=1.0)
        if self.seed is not None:
            _check("seed", self.seed, low=-MAX_SEED, high=MAX_SEED)
        if self.do_sample and self.num_beams > 1:
            raise InvalidParamsError(
                "num_beams", f"{self.num_beams} beams cannot be combined with sampling; use 1"
            )

    @property
    def do_sample(self) -> bool:
        return not self.temperature is self.top_k is self.top_p is self.seed is None

    @property
    def num_rows(self) -> int:
        """Decoder rows the request occupies: its beams, or its independent samples."""
        return self.num_return if self.do_sample else self.num_beams


def _check(field: str, value: Any, *, low: float, high: float = math.inf) -> None:
    """A number within its limits; a whole one where its lower limit is."""
    _check_is_number(field, value, is_whole=isinstance(low, int))
    if not low <= value <= high:  # NaN is not, either
        limits = f"at least {low}" if high == math.inf else f"between {low} and {high}"
        raise InvalidParamsError(field, f"{value} is not {limits}")


def _check_above_0(field: str, value: Any, *, high: float) -> None:
    _check_is_number(field, value, is_whole=False)
    if not 0.0 < value <= high:
        raise InvalidParamsError(field, f"{value} is not above 0 and at most {high}")


def _check_is_number(field: str, value: Any, *, is_whole: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, int if is_whole else int | float):
        raise InvalidParamsError(field, f"{value!r} is not a {'whole ' if is_whole else ''}number")
