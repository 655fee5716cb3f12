"""Every set of instructions computes the same; what differs is how the sums are rounded."""

from collections.abc import Iterator

import pytest
import torch

from model.kernels.library import BEST_LEVEL, Library, library
from model.kernels.linear import KernelLinear, packed
from tests.support.service.machines import needs_kernels

pytestmark = needs_kernels

ROWS = (1, 2, 7, 16, 17, 33)
SHAPES = ((64, 48), (37, 19), (130, 300))


@pytest.fixture
def kernels() -> Iterator[Library]:
    loaded = library()
    assert loaded is not None
    yield loaded
    loaded.start(BEST_LEVEL)


def levels(loaded: Library) -> range:
    return range(1, loaded.level + 1)


def products(loaded: Library, layer: KernelLinear, x: torch.Tensor) -> dict[int, torch.Tensor]:
    found = {}
    for level in levels(loaded):
        assert loaded.start(level) == level
        found[level] = layer(x)
    return found


@pytest.mark.parametrize(("num_outputs", "width"), SHAPES)
@pytest.mark.parametrize("num_rows", ROWS)
def test_int8_products_are_the_same_bits_by_every_instruction(
    kernels: Library, num_outputs: int, width: int, num_rows: int
) -> None:
    torch.manual_seed(num_rows)
    layer = KernelLinear(
        packed(torch.randn(num_outputs, width), torch.int8), torch.randn(num_outputs)
    )
    first, *others = products(kernels, layer, torch.randn(num_rows, width)).values()
    assert all(torch.equal(first, other) for other in others)


@pytest.mark.parametrize(("num_outputs", "width"), SHAPES)
@pytest.mark.parametrize("num_rows", ROWS)
def test_bfloat16_products_differ_by_rounding_alone(
    kernels: Library, num_outputs: int, width: int, num_rows: int
) -> None:
    torch.manual_seed(num_rows)
    weight, bias = torch.randn(num_outputs, width) / width**0.5, torch.randn(num_outputs)
    x = torch.randn(num_rows, width).bfloat16().float()  # so that only sums are rounded
    expected = torch.nn.functional.linear(x, weight.bfloat16().float(), bias)
    layer = KernelLinear(packed(weight, torch.bfloat16), bias)
    for product in products(kernels, layer, x).values():
        torch.testing.assert_close(product, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.int8])
def test_no_row_depends_on_the_others_whatever_the_instructions(
    kernels: Library, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    layer = KernelLinear(packed(torch.randn(70, 90), dtype), None)
    x = torch.randn(33, 90)
    for level in levels(kernels):
        kernels.start(level)
        together = layer(x)
        assert all(torch.equal(layer(row[None])[0], together[i]) for i, row in enumerate(x))
