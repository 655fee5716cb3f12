"""Logistic regression, and measures of the probabilities that it gives."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_RIDGE = 1e-3  # keeps the solution finite where a feature separates all labels
_MAX_STEPS = 50
_NUM_BINS = 10


def fit(features: Numbers, labels: Numbers) -> Numbers:
    """Return the coefficients of the features and the intercept, by Newton's method.

    Args:
        features: (examples, features).
        labels: (examples,), 0 or 1.

    Returns:
        (features + 1,).
    """
    inputs = _with_ones(features)
    weights = np.zeros(inputs.shape[1])
    for _ in range(_MAX_STEPS):
        found = probabilities(features, weights)
        gradient = inputs.T @ (found - labels) + _RIDGE * weights
        curvature = (inputs.T * (found * (1 - found))) @ inputs + _RIDGE * np.eye(len(weights))
        step = np.linalg.solve(curvature, gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-9:  # noqa: PLR2004 - of weights of about 1
            break
    return weights


def probabilities(features: Numbers, weights: Numbers) -> Numbers:
    """Return the probability of label 1 for each example, (examples,)."""
    return 0.5 * (1 + np.tanh(_with_ones(features) @ weights / 2))


def area_under_curve(scores: Numbers, labels: Numbers) -> float:
    """Return the probability that an example of label 1 has a higher score than one of label 0.

    That is the area under the ROC curve; a tie counts by half. There is an example of each label.
    """
    good, bad = scores[labels == 1], np.sort(scores[labels == 0])
    below = np.searchsorted(bad, good, side="left")
    not_above = np.searchsorted(bad, good, side="right")
    return float((below + not_above).mean() / 2 / len(bad))


def calibration_error(found: Numbers, labels: Numbers) -> float:
    """Return the mean distance, in ten equal bins, of probabilities from the share of label 1."""
    bins = np.minimum((found * _NUM_BINS).astype(int), _NUM_BINS - 1)
    parts = [bins == place for place in range(_NUM_BINS) if (bins == place).any()]
    return float(sum(abs(found[part].mean() - labels[part].mean()) * part.mean() for part in parts))


def _with_ones(features: Numbers) -> Numbers:
    return np.column_stack([features, np.ones(len(features))])
