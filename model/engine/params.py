"""Generation parameters of one request: names and meanings as in Hugging Face's `generate`."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from model.errors import InvalidParamsError

MAX_BEAMS = 8  # hypotheses of one request: beams, or samples
SAMPLING_FIELDS = ("temperature", "top_k", "top_p", "seed")  # any of them asks for sampling
MAX_SEED = (1 << 64) - 1


class FinishReason(StrEnum):
    """Why a request's output ended."""

    STOP = "stop"  # an end-of-sentence token
    LENGTH = "length"  # max_new_tokens was reached
    DEADLINE = "deadline"  # its deadline passed
    OUT_OF_MEMORY = "out_of_memory"  # too large for the device even as the only request
    ERROR = "error"  # no possible next token: all were excluded, or the scores were NaN


class Priority(StrEnum):
    """A request's class in the queue: interactive requests are admitted first."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationParams:
    """Parameters of one request; `max_repeats` exists only here.

    Greedy by default; beam search when `num_beams` > 1; sampling when any of `SAMPLING_FIELDS` is
    given, which excludes beams. A finished beam is ranked by
    sum of log-probabilities / (number of generated tokens ** length_penalty).

    Raises:
        InvalidParamsError: A field is out of range, or two exclude each other.
    """

    max_new_tokens: int = 256
    min_new_tokens: int = 0  # the end of sentence is masked before
    num_beams: int = 1
    num_return: int = 1
    length_penalty: float = 1.0
    early_stopping: bool | Literal["never"] = False
    repetition_penalty: float = 1.0  # 1.0 = none
    no_repeat_ngram_size: int = 0  # 0 = none
    max_repeats: int = 0  # consecutive occurrences of an n-gram, see `repetition`; 0 = no limit
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    target_prefix_ids: tuple[int, ...] = ()  # forced first tokens of the output
    return_scores: bool = False  # in greedy decoding, costs a pass over the logits

    def __post_init__(self) -> None:
        _check_int("max_new_tokens", self.max_new_tokens, low=1)
        _check_int("min_new_tokens", self.min_new_tokens, low=0)
        _check_int("num_beams", self.num_beams, low=1, high=MAX_BEAMS)
        _check_float("repetition_penalty", self.repetition_penalty, low=1.0, high=2.0)
        _check_int("no_repeat_ngram_size", self.no_repeat_ngram_size, low=0, high=10)
        _check_int("max_repeats", self.max_repeats, low=0)
        _check_float("length_penalty", self.length_penalty, low=-10.0, high=10.0)
        if not isinstance(self.early_stopping, bool) and self.early_stopping != "never":
            raise InvalidParamsError(
                "early_stopping", f"{self.early_stopping!r} is not true, false or 'never'"
            )
        self._check_sampling()
        most = MAX_BEAMS if self.do_sample else self.num_beams
        _check_int("num_return", self.num_return, low=1, high=most)

    def _check_sampling(self) -> None:
        if self.temperature is not None:
            _check_above_0("temperature", self.temperature, high=10.0)
        if self.top_k is not None:
            _check_int("top_k", self.top_k, low=1)
        if self.top_p is not None:
            _check_above_0("top_p", self.top_p, high=1.0)
        if self.seed is not None:
            _check_int("seed", self.seed, low=-MAX_SEED, high=MAX_SEED)
        if self.do_sample and self.num_beams > 1:
            raise InvalidParamsError(
                "num_beams", f"{self.num_beams} beams cannot be combined with sampling; use 1"
            )

    @property
    def do_sample(self) -> bool:
        """True if tokens are drawn at random: a sampling field is given."""
        given = (self.temperature, self.top_k, self.top_p, self.seed)
        return any(value is not None for value in given)

    @property
    def num_rows(self) -> int:
        """Decoder rows that the request occupies: its beams, or its independent samples."""
        return self.num_return if self.do_sample else self.num_beams


def _check_int(field: str, value: Any, *, low: int, high: float = math.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidParamsError(field, f"{value!r} is not a whole number")
    _check_limits(field, value, low, high)


def _check_float(field: str, value: Any, *, low: float, high: float) -> None:
    _check_is_number(field, value)
    _check_limits(field, value, low, high)


def _check_limits(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # nor is NaN
        limits = f"at least {low}" if high == math.inf else f"between {low} and {high}"
        raise InvalidParamsError(field, f"{value} is not {limits}")


def _check_above_0(field: str, value: Any, *, high: float) -> None:
    _check_is_number(field, value)
    if not 0.0 < value <= high:
        raise InvalidParamsError(field, f"{value} is not above 0 and at most {high}")


def _check_is_number(field: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidParamsError(field, f"{value!r} is not a number")
