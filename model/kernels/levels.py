"""The instruction sets that the kernels are compiled for, and those of this processor.

This module imports neither torch nor anything else that has to be installed.
"""

import ctypes
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")

_AVX512 = ("avx512f", "avx512bw", "avx512dq", "avx512vl")


@dataclass(frozen=True, slots=True)
class Level:
    """One set of instructions, for which all sources are compiled together.

    Attributes:
        name: Its name in file names and in `DRAGOMAN_KERNELS`; `src/level.h` has it, too.
        title: Its name for people.
        machines: What `platform.machine` calls the processors.
        flags: The compiler's options.
        needs: Features of the processor, by Linux's names.
    """

    name: str
    title: str
    machines: tuple[str, ...]
    flags: tuple[str, ...]
    needs: frozenset[str]


def _x86(name: str, title: str, *features: str, avx512: bool = False) -> Level:
    wide = _AVX512 if avx512 else ()
    needs = ("avx2", "fma", *wide, *features)
    flags = tuple(f"-m{_GCC_NAMES.get(feature, feature)}" for feature in needs)
    return Level(name, title, ("x86_64", "AMD64"), flags, frozenset(needs))


_GCC_NAMES = {
    "avx_vnni": "avxvnni",
    "avx512_vnni": "avx512vnni",
    "amx_tile": "amx-tile",
    "amx_int8": "amx-int8",
    "amx_bf16": "amx-bf16",
}


def _arm(name: str, title: str, march: str, *needs: str) -> Level:
    return Level(name, title, ("aarch64", "arm64"), (f"-march={march}",), frozenset(needs))


# Of each architecture the best first.
LEVELS = (
    _x86("amx", "AMX", "avx512_vnni", "amx_tile", "amx_int8", "amx_bf16", avx512=True),
    _x86("avx512-vnni", "AVX-512 VNNI", "avx512_vnni", avx512=True),
    _x86("avx512", "AVX-512", avx512=True),
    _x86("avx-vnni", "AVX-VNNI", "avx_vnni"),
    _x86("avx2", "AVX2"),
    _arm("neon-i8mm", "NEON I8MM", "armv8.2-a+dotprod+i8mm", "asimd", "asimddp", "i8mm"),
    _arm("neon-dot", "NEON DotProd", "armv8.2-a+dotprod", "asimd", "asimddp"),
    _arm("neon", "NEON", "armv8-a", "asimd"),
)


def level_named(name: str) -> Level | None:
    """Return the level of that name; None if there is none."""
    return next((level for level in LEVELS if level.name == name), None)


def levels_of_architecture() -> list[Level]:
    """Return the levels that can be compiled for this architecture, best first."""
    return [level for level in LEVELS if platform.machine() in level.machines]


def levels_of_processor() -> list[Level]:
    """Return the levels whose instructions this processor has, best first."""
    found = features()
    return [level for level in levels_of_architecture() if level.needs <= found]


def features() -> frozenset[str]:
    """Return the features of this processor by Linux's names; none where they are unknown."""
    if sys.platform == "darwin":
        return _features_of_apple()
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    # Cores may differ (Arm's big.LITTLE), and a thread may run on each of them.
    sets = [
        frozenset(value.split())
        for key, _, value in (line.partition(":") for line in lines)
        if key.strip() in ("flags", "Features")
    ]
    return frozenset.intersection(*sets) if sets else frozenset()


def _features_of_apple() -> frozenset[str]:
    system = ctypes.CDLL(None)
    names = {"FEAT_DotProd": "asimddp", "FEAT_I8MM": "i8mm"}
    found = {"asimd"} if platform.machine() == "arm64" else set()
    for theirs, ours in names.items():
        value, size = ctypes.c_int32(0), ctypes.c_size_t(4)
        key = f"hw.optional.arm.{theirs}".encode()
        status = system.sysctlbyname(key, ctypes.byref(value), ctypes.byref(size), None, 0)
        if status == 0 and value.value:
            found.add(ours)
    return frozenset(found)
