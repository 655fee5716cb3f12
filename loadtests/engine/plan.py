"""Plans of the benchmark: networks, batches, searches and contenders."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from loadtests.engine.network import BART_LARGE, FLAN_T5_XL, MARIAN_BASE, T5_BASE, Network
from model.devices import resolve_dtype
from model.kernels.library import library
from model.load import BUNDLED as BUNDLED_FOLDER

BUNDLED = "bundled"
BUNDLED_CHECKPOINT = BUNDLED_FOLDER / "translate"

NETWORKS: dict[str, Network] = {
    "marian-base": MARIAN_BASE,
    "bart-large": BART_LARGE,
    "t5-base": T5_BASE,
    "flan-t5-xl": FLAN_T5_XL,
}
CPU_CONTENDERS = (
    "dragoman-float32",
    "dragoman-bfloat16",
    "dragoman-int8",
    "ctranslate2-float32",
    "ctranslate2-bfloat16",
    "ctranslate2-int16",
    "ctranslate2-int8",
    "transformers-float32",
    "transformers-bfloat16",
)
GPU_CONTENDERS = (
    "dragoman-bfloat16",
    "ctranslate2-bfloat16",
    "ctranslate2-float16",
    "ctranslate2-int8_bfloat16",
    "transformers-bfloat16",
)
_QUICK_DROP, _LARGE_DROP = 1.2, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One network and its measurements.

    Attributes:
        model: `bundled`, or a name in `NETWORKS`.
        cells: (batch, beams) of each static batch.
        contenders: Names, such as `ctranslate2-int8`.
        num_rounds: The number of measurements of each cell and contender.
        source_tokens: The least and the most, if sources are random.
        new_tokens: The tokens of each output; the most, if outputs end by themselves.
        drop_at: As `Turns.drop_at`.
        served_beams: The number of beams of each served load.
        served_libraries: The libraries that are measured under served loads.
        load_s: The seconds of each served load.
        num_probes: The number of rates that each contender tries.
        budget_s: The seconds of each cell and each served load; measurements after it are left
            out.
    """

    model: str
    cells: tuple[tuple[int, int], ...]
    contenders: tuple[str, ...]
    num_rounds: int
    source_tokens: tuple[int, int] = (20, 40)
    new_tokens: int = 32
    drop_at: float | None = None
    served_beams: tuple[int, ...] = ()
    served_libraries: tuple[str, ...] = ("Dragoman", "CTranslate2", "transformers")
    load_s: float = 10.0
    num_probes: int = 9
    budget_s: float = math.inf

    @property
    def max_rows(self) -> int:
        """The hypotheses of the largest batch, static or served."""
        served = [_SERVED_ROWS] * bool(self.served_beams)
        return max([batch * beams for batch, beams in self.cells] + served)


_SERVED_ROWS = 256


def cells(batches: Sequence[int], beams: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return each batch with each number of beams."""
    return tuple((batch, num_beams) for num_beams in beams for batch in batches)


def full_plan() -> list[Scenario]:
    """Return the full plan for a CPU; more than an hour on two cores."""
    every = CPU_CONTENDERS
    small = cells((1, 8, 32, 128), (1, 4))
    large = cells((1, 8, 32), (1,)) + cells((1, 8), (4,))
    return [
        Scenario(model="marian-base", cells=small, contenders=every, num_rounds=5),
        Scenario(
            model=BUNDLED,
            cells=small,
            contenders=every,
            num_rounds=5,
            new_tokens=128,
            served_beams=(1, 4),
        ),
        Scenario(
            model="bart-large",
            cells=large,
            contenders=every,
            num_rounds=3,
            drop_at=_LARGE_DROP,
            source_tokens=(400, 400),
            new_tokens=64,
        ),
        Scenario(model="t5-base", cells=large, contenders=every, num_rounds=3, drop_at=_LARGE_DROP),
    ]


def quick_plan() -> list[Scenario]:
    """Return the rows that a change must not make worse; a few minutes on two cores.

    It has only types that can be fastest: int8, and the float type that each computes fastest in.
    """
    computes_in = resolve_dtype("auto", torch.device("cpu"))
    ours = computes_in if library() is None else "bfloat16"
    fast = (
        f"dragoman-{ours}",
        "dragoman-int8",
        "ctranslate2-int8",
        f"transformers-{computes_in}",
    )
    return [
        Scenario(
            model="marian-base",
            cells=cells((1, 8, 32), (1, 4)),
            contenders=fast,
            num_rounds=3,
            drop_at=_QUICK_DROP,
            budget_s=30.0,
        ),
        Scenario(
            model=BUNDLED,
            cells=cells((8,), (1,)),
            contenders=fast,
            num_rounds=3,
            new_tokens=128,
            served_beams=(1,),
            served_libraries=("Dragoman", "CTranslate2"),
            load_s=4.0,
            num_probes=6,
            budget_s=75.0,
        ),
        Scenario(
            model="bart-large",
            cells=cells((4,), (1,)),
            contenders=fast,
            num_rounds=2,
            drop_at=_QUICK_DROP,
            budget_s=20.0,
            source_tokens=(400, 400),
            new_tokens=32,
        ),
        Scenario(
            model="t5-base",
            cells=cells((8,), (1,)),
            contenders=fast,
            num_rounds=2,
            drop_at=_QUICK_DROP,
            budget_s=20.0,
        ),
    ]


def gpu_plan() -> list[Scenario]:
    """Return the plan for a GPU: long sources and large batches."""
    return [
        Scenario(
            model=model,
            cells=cells((32, 64, 128), beams),
            contenders=GPU_CONTENDERS,
            num_rounds=5,
            source_tokens=(260, 440),
            new_tokens=128,
        )
        for model, beams in (("marian-base", (1, 4)), ("bart-large", (1, 4)), ("flan-t5-xl", (1,)))
    ]
