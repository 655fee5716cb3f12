"""Every level of instructions computes the same; only the rounding of sums differs."""

from collections.abc import Iterator

import pytest
import torch

from model.kernels.levels import levels_of_processor
from model.kernels.library import VARIABLE, library
from model.kernels.linear import KernelLinear, packed
from tests.support.service.machines import needs_kernels

pytestmark = needs_kernels

ROWS = (1, 2, 3, 4, 5, 7, 16, 17, 33)
SHAPES = ((64, 48), (37, 19), (130, 300))


@pytest.fixture(autouse=True)
def ask_again() -> Iterator[None]:
    """Let the next test ask for the library that the environment names."""
    yield
    library.cache_clear()


def products(
    monkeypatch: pytest.MonkeyPatch, layer: KernelLinear, x: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return the product by each level of this processor."""
    found = {}
    for level in levels_of_processor():
        monkeypatch.setenv(VARIABLE, level.name)
        library.cache_clear()
        found[level.name] = layer(x)
    return found


@pytest.mark.parametrize(("num_outputs", "width"), SHAPES)
@pytest.mark.parametrize("num_rows", ROWS)
def test_int8_products_are_the_same_bits_at_every_level(
    monkeypatch: pytest.MonkeyPatch, num_outputs: int, width: int, num_rows: int
) -> None:
    torch.manual_seed(num_rows)
    layer = KernelLinear(
        packed(torch.randn(num_outputs, width), torch.int8), torch.randn(num_outputs)
    )
    first, *others = products(monkeypatch, layer, torch.randn(num_rows, width)).values()
    assert all(torch.equal(first, other) for other in others)


@pytest.mark.parametrize(("num_outputs", "width"), SHAPES)
@pytest.mark.parametrize("num_rows", ROWS)
def test_bfloat16_products_differ_by_rounding_alone(
    monkeypatch: pytest.MonkeyPatch, num_outputs: int, width: int, num_rows: int
) -> None:
    torch.manual_seed(num_rows)
    weight, bias = torch.randn(num_outputs, width) / width**0.5, torch.randn(num_outputs)
    x = torch.randn(num_rows, width).bfloat16().float()  # so that only sums are rounded
    expected = torch.nn.functional.linear(x, weight.bfloat16().float(), bias)
    layer = KernelLinear(packed(weight, torch.bfloat16), bias)
    for product in products(monkeypatch, layer, x).values():
        torch.testing.assert_close(product, expected, rtol=1e-5, atol=1e-5)
