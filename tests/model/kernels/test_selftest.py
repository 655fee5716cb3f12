"""The kernels beside plain definitions in C++ (`selftest/`), here, with sanitizers and on ARM."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from model.kernels import build
from model.kernels.levels import LEVELS, Level, levels_of_processor
from model.kernels.linear import KINDS, packed, padded
from model.transformer.int8 import quantize
from tests.support.service.machines import needs_kernels

SOURCE = Path(__file__).parent / "selftest" / "selftest.cpp"
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")

CROSS_COMPILER, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64"
# A processor of the emulator that has a level's instructions and, but for the last, no better ones.
EMULATED = {"neon": "cortex-a72", "neon-dot": "neoverse-n1", "neon-i8mm": "max"}

pytestmark = pytest.mark.timeout(600)  # a compiler runs

needs_openmp = pytest.mark.skipif(
    sys.platform == "darwin", reason="Apple's compiler has no OpenMP to link a program with"
)
needs_arm = pytest.mark.skipif(
    shutil.which(CROSS_COMPILER) is None or shutil.which(EMULATOR) is None,
    reason=f"{CROSS_COMPILER} or {EMULATOR} is not installed",
)


def write_products(path: Path) -> None:
    """Write packed weights, activations and PyTorch's products, as `selftest/products.h` reads."""
    generator = torch.Generator().manual_seed(0)
    sizes = [(kind, *size) for kind in KINDS for size in ((1, 1, 1), (37, 19, 3), (48, 131, 6))]
    with path.open("wb") as file:
        file.write(torch.tensor([len(sizes)], dtype=torch.int32).numpy().tobytes())
        for dtype, num_outputs, width, num_rows in sizes:
            original = torch.randn(num_outputs, width, generator=generator) / width
            weight = packed(original, dtype)
            bias = torch.zeros(padded(num_outputs))
            bias[:num_outputs] = torch.randn(num_outputs, generator=generator)
            # In eighths, which no level rounds to bfloat16, up to 127 of them, which int8
            # does not round either.
            x = torch.randint(-127, 128, (num_rows, width), generator=generator) / 8
            x[:, 0] = 127 / 8
            if dtype == torch.int8:  # not looked up in `weight`, whose layout is compared as well
                quantized = quantize(original)
                rounded = quantized.weight.float() * quantized.scales[:, None]
            else:
                rounded = original.to(dtype).float()
            product = torch.nn.functional.linear(x, rounded, bias[:num_outputs])
            parts = (
                torch.tensor([KINDS[dtype], num_outputs, width, num_rows], dtype=torch.int32),
                weight.weight.view(torch.uint8),
                torch.zeros(len(bias)) if weight.scales is None else weight.scales,
                torch.zeros(len(bias), dtype=torch.int32) if weight.start is None else weight.start,
                bias,
                x,
                product,
            )
            for part in parts:
                file.write(part.numpy().tobytes())


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of products that PyTorch computed."""
    path = tmp_path_factory.mktemp("products") / "products"
    write_products(path)
    return path


def compile_selftest(compiler: str, level: Level, target: Path, options: Sequence[str]) -> None:
    flags = [flag for flag in build.flags_of(level) if flag != "-shared"]
    command = [
        *shlex.split(compiler),
        *flags,
        *options,
        f"-I{build.SOURCES}",
        str(SOURCE),
        "-o",
        str(target),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert done.returncode == 0, done.stderr


def check(command: Sequence[str], level: Level) -> None:
    """Run a self-test, which prints its level and what differs."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{level.name}: 0 differences\n"


def native_compiler() -> str:
    return os.environ.get("CXX") or ("g++" if shutil.which("g++") else "c++")


@needs_kernels
@needs_openmp
def test_the_kernels_compute_what_their_definitions_say(tmp_path: Path, products: Path) -> None:
    level = levels_of_processor()[0]
    compile_selftest(native_compiler(), level, tmp_path / "selftest", ())
    check([str(tmp_path / "selftest"), str(products)], level)


@needs_kernels
@needs_openmp
@pytest.mark.parametrize("place", [0, -1], ids=["best level", "plainest level"])
def test_the_kernels_touch_no_memory_but_their_own(
    tmp_path: Path, products: Path, place: int
) -> None:
    """The self-test with the sanitizers of addresses and of undefined behaviour."""
    level, compiler = levels_of_processor()[place], native_compiler()
    (tmp_path / "empty.cpp").write_text("int main() {}\n", encoding="utf-8")
    probe = [*shlex.split(compiler), *SANITIZERS, "empty.cpp"]
    if subprocess.run(probe, cwd=tmp_path, capture_output=True, check=False).returncode:  # noqa: S603 - our own command
        pytest.skip("the compiler lacks the sanitizers")
    compile_selftest(compiler, level, tmp_path / "selftest", ("-Og", *SANITIZERS))
    check([str(tmp_path / "selftest"), str(products)], level)


@needs_arm
@pytest.mark.parametrize("name", EMULATED)
def test_the_kernels_compute_the_same_on_arm(tmp_path: Path, products: Path, name: str) -> None:
    level = next(level for level in LEVELS if level.name == name)
    compile_selftest(CROSS_COMPILER, level, tmp_path / "selftest", ("-static", "-O2"))
    command = [EMULATOR, "-cpu", EMULATED[name], str(tmp_path / "selftest"), str(products)]
    check(command, level)
