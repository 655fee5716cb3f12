import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.training.logistic import area_under_curve, calibration_error, fit, probabilities


def test_coefficients_that_made_the_labels_are_found_again() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40_000, 2))
    wanted = np.array([1.5, -0.5, 0.25])
    labels = (rng.random(len(features)) < probabilities(features, wanted)).astype(float)
    np.testing.assert_allclose(fit(features, labels), wanted, atol=0.05)


def test_a_feature_that_separates_all_labels_has_a_finite_coefficient() -> None:
    features, labels = np.array([[-1.0], [-0.5], [0.5], [1.0]]), np.array([0.0, 0.0, 1.0, 1.0])
    assert np.isfinite(fit(features, labels)).all()


@given(
    scores=st.lists(st.integers(0, 5), min_size=2, max_size=30),
    seed=st.integers(0, 99),
)
def test_the_area_is_the_share_of_pairs_in_the_right_order(scores: list[int], seed: int) -> None:
    found = np.array(scores, dtype=float)
    labels = np.random.default_rng(seed).integers(0, 2, len(found)).astype(float)
    labels[:2] = 0, 1
    pairs = [
        1.0 if good > bad else 0.5 if good == bad else 0.0
        for good in found[labels == 1]
        for bad in found[labels == 0]
    ]
    assert area_under_curve(found, labels) == pytest.approx(np.mean(pairs))


def test_probabilities_that_are_frequencies_have_no_error() -> None:
    found = np.array([0.25] * 4 + [1.0] * 2)
    assert calibration_error(found, np.array([0, 0, 0, 1, 1, 1.0])) == 0
    assert calibration_error(found, np.array([0, 0, 0, 0, 1, 1.0])) == pytest.approx(0.25 * 4 / 6)
