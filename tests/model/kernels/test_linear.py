"""Weights in blocks: looked up they are themselves, and a product is that of PyTorch."""

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from model.kernels.library import library
from model.kernels.linear import KernelEmbedding, KernelLinear, Packed, packed
from model.transformer.int8 import quantize
from tests.support.service.machines import needs_kernels

every_level = pytest.mark.usefixtures("every_level")

DTYPES = (torch.float32, torch.bfloat16, torch.int8)
SIZES = ((1, 1), (7, 15), (16, 16), (17, 5), (33, 64), (40, 65), (100, 131))  # (outputs, inputs)
NUM_ROWS = (1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 31, 33, 48, 64, 70)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def make_linear(
    num_outputs: int, width: int, dtype: torch.dtype, *, bias: bool = True
) -> KernelLinear:
    weight = packed(random(num_outputs, width, seed=1), dtype)
    return KernelLinear(weight, random(num_outputs, seed=2) if bias else None)


def rounded(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return rows of activations as they meet weights of that type."""
    if dtype == torch.int8:
        scales = x.abs().amax(dim=1, keepdim=True) / 127
        return torch.where(scales > 0, (x / scales).round() * scales, 0.0)
    loaded = library()
    rounds = loaded is not None and loaded.rounds_activations
    return x.to(dtype).float() if rounds else x


@pytest.fixture
def set_threads() -> Iterator[None]:
    """Restore the number of threads after the test."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_rows_of_packed_weights_are_the_weights(dtype: torch.dtype, size: tuple[int, int]) -> None:
    weight = random(*size)
    expected = weight.to(dtype).float()
    if dtype == torch.int8:
        quantized = quantize(weight)
        expected = quantized.weight.float() * quantized.scales[:, None]
    found = packed(weight, dtype)
    assert torch.equal(found.rows(torch.arange(size[0])), expected)
    ids = torch.tensor([[0, size[0] - 1], [size[0] // 2, 0]])
    assert torch.equal(KernelEmbedding(found)(ids), expected[ids])


def test_a_word_of_each_of_sixteen_outputs_lies_side_by_side() -> None:
    """Of 20 outputs and 6 inputs in int8: two blocks, sixteen words a row, four numbers a word."""
    weight = torch.arange(120).reshape(20, 6).to(torch.int8)
    blocks = Packed(weight, torch.ones(20)).weight
    assert blocks.shape == (2, 16, 16, 4)
    assert blocks[0, 0, 3].tolist() == weight[3, :4].tolist()
    assert blocks[1, 1, 2].tolist() == [*weight[18, 4:].tolist(), 0, 0]
    assert not blocks[1, :, 4:].any()
    assert not blocks[:, 2:].any()


def test_a_large_table_is_laid_out_in_slices_without_a_seam(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weight = random(200, 40)
    whole = packed(weight, torch.int8)
    monkeypatch.setattr("model.kernels.linear.PACKED_AT_ONCE", 3_000)
    sliced = packed(weight, torch.int8)
    assert torch.equal(sliced.weight, whole.weight)
    assert whole.start is not None
    assert sliced.start is not None
    assert torch.equal(sliced.start, whole.start)


@needs_kernels
@every_level
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_product_is_that_of_the_rounded_numbers(
    dtype: torch.dtype, size: tuple[int, int], *, bias: bool
) -> None:
    linear = make_linear(*size, dtype, bias=bias)
    weight = linear.packed.rows(torch.arange(size[0])).double()
    for num_rows in NUM_ROWS:
        x = random(num_rows, size[1], seed=num_rows)
        expected = F.linear(rounded(x, dtype).double(), weight)
        if linear.bias is not None:
            expected += linear.bias[: size[0]]
        tolerance = 2e-6 * size[1] ** 0.5 * 10
        torch.testing.assert_close(linear(x).double(), expected, atol=tolerance, rtol=1e-5)


@needs_kernels
@every_level
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_product_is_nearly_that_of_pytorch_in_float32(dtype: torch.dtype) -> None:
    linear = make_linear(100, 131, dtype)
    x = random(3, 11, 131)
    assert linear.bias is not None
    expected = F.linear(x, random(100, 131, seed=1), linear.bias[:100])
    found = linear(x)
    assert found.shape == expected.shape
    most = {torch.float32: 1e-6, torch.bfloat16: 0.005, torch.int8: 0.02}
    assert (found - expected).std() < most[dtype] * expected.std()


@needs_kernels
@every_level
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_no_bit_of_a_row_depends_on_the_rows_beside_it(
    dtype: torch.dtype, size: tuple[int, int]
) -> None:
    linear = make_linear(*size, dtype)
    x = random(33, size[1])
    together = linear(x)
    for row in (0, 3, 16, 31, 32):
        assert torch.equal(linear(x[row : row + 1])[0], together[row])
    assert torch.equal(linear(x[7:12]), together[7:12])


@needs_kernels
@every_level
@pytest.mark.usefixtures("set_threads")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_no_bit_depends_on_the_number_of_threads(dtype: torch.dtype) -> None:
    """More of them than blocks of outputs, or than rows, included."""
    linear, x = make_linear(40, 65, dtype), random(6, 65)
    expected = linear(x)
    for num_threads in (5, 2, 3, 1, 5):
        torch.set_num_threads(num_threads)
        assert torch.equal(linear(x), expected)


@needs_kernels
@every_level
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("num_rows", [3, 20])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_what_is_no_number_stays_visible_in_its_row_and_reaches_no_other(
    dtype: torch.dtype, num_rows: int, bad: float
) -> None:
    linear = make_linear(40, 65, dtype)
    x = random(num_rows, 65)
    clean = linear(x)
    x[1, 60] = bad
    found = linear(x)
    assert not found[1].isfinite().any()
    others = [row for row in range(num_rows) if row != 1]
    assert torch.equal(found[others], clean[others])


@needs_kernels
@every_level
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_row_of_zeros_gives_the_bias(dtype: torch.dtype) -> None:
    linear = make_linear(40, 65, dtype)
    assert linear.bias is not None
    assert torch.equal(linear(torch.zeros(1, 65))[0], linear.bias[:40])


@needs_kernels
@every_level
def test_the_largest_sums_of_bytes_overflow_nothing() -> None:
    """Of 16,384 inputs, as the widest of the published networks have, each at its limit."""
    width = 16_384
    for sign in (1.0, -1.0):
        linear = KernelLinear(packed(torch.full((16, width), sign), torch.int8), None)
        torch.testing.assert_close(linear(torch.ones(6, width)), torch.full((6, 16), sign * width))
