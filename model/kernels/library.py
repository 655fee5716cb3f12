"""The compiled kernels, loaded once: what Python calls, and whether this machine can.

`DRAGOMAN_KERNELS=off` leaves them out, which is how to compare with PyTorch's; a path instead of
`off` takes a file compiled elsewhere.
"""

import ctypes
import logging
import os
from ctypes import POINTER, c_int32, c_void_p
from functools import cache
from pathlib import Path

import torch  # before the kernels: they take its OpenMP, and so its threads

from model.kernels import structures
from model.kernels.build import FILE_NAME, BuildError, build, cached_file

VARIABLE = "DRAGOMAN_KERNELS"
_SHIPPED = Path(__file__).with_name(FILE_NAME)  # where an image puts it that has no compiler

_INSTRUCTIONS = ("none", "AVX-512", "AVX-512 BF16", "AMX")  # by level
BEST_LEVEL = len(_INSTRUCTIONS) - 1

_log = logging.getLogger(__name__)


class Library:
    """The functions of `src/kernels.cpp`. Each returns when its whole team of threads is done."""

    def __init__(self, path: Path) -> None:
        """Raises OSError if the file cannot be loaded, or was compiled from other sources."""
        functions = ctypes.CDLL(str(path))
        self.path = path
        self._check_sizes(functions)
        self._functions = functions
        self.level = self.start(BEST_LEVEL)
        functions.dragoman_workspace.restype = c_void_p
        functions.dragoman_free.argtypes = [c_void_p]
        pointer_to = {structure: POINTER(structure) for structure in structures.STRUCTURES}
        stack, cache_, linear = (
            pointer_to[name] for name in (structures.Stack, structures.Cache, structures.Linear)
        )
        sources, run = pointer_to[structures.Sources], pointer_to[structures.Run]
        head, projection = pointer_to[structures.Head], pointer_to[structures.Projection]
        signatures = {
            "linear": [linear, c_void_p, c_int32, c_void_p, c_void_p],
            "encode": [stack, stack, cache_, sources, c_void_p],
            "run": [stack, head, cache_, cache_, projection, run, c_void_p],
            "project": [head, projection, c_void_p],
            "copy": [cache_, c_int32, c_void_p, c_void_p, c_void_p],
        }
        for name, arguments in signatures.items():
            function = getattr(functions, f"dragoman_{name}")
            function.argtypes, function.restype = arguments, None
        self.linear = functions.dragoman_linear
        self.encode = functions.dragoman_encode
        self.run = functions.dragoman_run
        self.project = functions.dragoman_project
        self.copy = functions.dragoman_copy

    @property
    def instructions(self) -> str:
        """The best that this processor has of what they are written for."""
        return _INSTRUCTIONS[self.level]

    def start(self, most: int) -> int:
        """Uses what this processor has, up to a level; see `dragoman_start`. Returns the level.

        With int8 weights every level gives the same bits. To be called while nothing is computed.
        """
        found: int = self._functions.dragoman_start(most)
        return found

    def workspace(self) -> "Workspace":
        """Memory for intermediate results; one for each thread that calls."""
        return Workspace(self._functions)

    @staticmethod
    def _check_sizes(functions: ctypes.CDLL) -> None:
        sizes = (c_int32 * len(structures.STRUCTURES))()
        functions.dragoman_sizes(sizes)
        expected = [ctypes.sizeof(structure) for structure in structures.STRUCTURES]
        if list(sizes) != expected:
            raise OSError(f"its structs take {list(sizes)} bytes, {expected} were expected")


class Workspace:
    """Grows to what the largest call needed, and is freed with this object."""

    def __init__(self, functions: ctypes.CDLL) -> None:
        self._functions = functions
        self.address = c_void_p(functions.dragoman_workspace())

    def __del__(self) -> None:
        self._functions.dragoman_free(self.address)


@cache
def library() -> Library | None:
    """The kernels, compiled if they never were; None where they cannot run, which is logged."""
    asked = os.environ.get(VARIABLE, "")
    if asked.lower() in ("off", "0", "false", "no"):
        return None
    try:
        return _loaded(Path(asked) if asked else None)
    except (BuildError, OSError, AttributeError) as error:
        _log.warning("PyTorch's kernels are used instead of our own", extra={"reason": str(error)})
        return None


def _loaded(chosen: Path | None) -> Library | None:
    """Raises BuildError, OSError or AttributeError, if there is no library, or another one."""
    # Asked of torch, as even the question would be compiled for AVX-512.
    if not torch.cpu._is_vnni_supported():  # noqa: SLF001 - no public name
        _log.info("this processor has no AVX-512 VNNI: PyTorch's kernels are used")
        return None
    path = chosen or (_SHIPPED if _SHIPPED.exists() else cached_file())
    if chosen is None and not path.exists():
        _log.info("compiling kernels", extra={"file": str(path)})
        build(path)
    loaded = Library(path)
    return loaded if loaded.level else None
