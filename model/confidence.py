"""Confidence in an output, 0 to 1, from the log-probabilities of its tokens.

A checkpoint's folder may have a `confidence.json`: coefficients that were calibrated for its very
weights, so that of the outputs with a confidence of 0.8 about eight in ten are good. It is written
by `python -m model.training translator calibrate`. They lie beside the weights, as other weights
need others. Without them the confidence is the geometric mean of the tokens' probabilities, which
orders outputs nearly as well, but is no frequency of anything.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from model.errors import CheckpointError
from model.json_file import read_json_object

FILE = "confidence.json"
_KEY = "coefficients"
Features = tuple[float, float, float]


def features(source: str, output: str, log_probs: Sequence[float]) -> Features:
    """Return the mean log-probability, log(tokens), and |log(characters out / characters in)|.

    Args:
        source: What the model read.
        output: What it wrote.
        log_probs: Of the output's tokens and its end; at least one.
    """
    num_tokens = len(log_probs)
    change = math.log((len(output) + 1) / (len(source) + 1))
    return math.fsum(log_probs) / num_tokens, math.log(num_tokens), abs(change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Coefficients of a logistic function of `features`, for one model."""

    mean_log_prob: float
    log_tokens: float
    length_change: float
    intercept: float

    def confidence(self, source: str, output: str, log_probs: Sequence[float]) -> float:
        """Return the probability that the output is good; arguments as in `features`."""
        mean, size, change = features(source, output, log_probs)
        exponent = self.mean_log_prob * mean + self.log_tokens * size + self.intercept
        return logistic(exponent + self.length_change * change)


def logistic(exponent: float) -> float:
    """Return 1 / (1 + exp(-exponent)), for any size of it."""
    return 0.5 * (1 + math.tanh(exponent / 2))


def confidence(
    source: str, output: str, log_probs: Sequence[float], *, calibration: Calibration | None
) -> float:
    """Return the confidence in an output, 0 to 1; arguments as in `features`."""
    if calibration is not None:
        return calibration.confidence(source, output, log_probs)
    mean, *_ = features(source, output, log_probs)
    return math.exp(min(mean, 0.0))


def read_calibration(folder: Path) -> Calibration | None:
    """Return the calibration of a checkpoint; None if its folder has none.

    Raises:
        CheckpointError: It is malformed.
    """
    path = folder / FILE
    if not path.exists():
        return None
    coefficients = read_json_object(path).get(_KEY)
    names = [field.name for field in fields(Calibration)]
    if not isinstance(coefficients, dict) or sorted(coefficients) != sorted(names):
        raise CheckpointError(f"{path}: {_KEY!r} must have {', '.join(names)}")
    for name, value in coefficients.items():
        if type(value) not in (int, float) or not math.isfinite(value):
            raise CheckpointError(f"{path}: {name!r} is {value!r}, not a number")
    return Calibration(**coefficients)


def calibration_file(calibration: Calibration, *, measured: dict[str, Any]) -> dict[str, Any]:
    """Return the content of `confidence.json`: coefficients, and how they were measured."""
    return {_KEY: asdict(calibration), "measured": measured}
