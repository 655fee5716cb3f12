"""The compiled kernels, loaded once per process, if this machine can run them.

`DRAGOMAN_KERNELS=off` disables them, to compare with PyTorch's; with a path instead of `off`, that
file is loaded.
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
SHIPPED = Path(__file__).with_name(FILE_NAME)  # its place in an image without a compiler

_INSTRUCTIONS = ("none", "AVX-512", "AVX-512 BF16", "AMX")  # by level
BEST_LEVEL = len(_INSTRUCTIONS) - 1

_log = logging.getLogger(__name__)


class Library:
    """The functions of `src/kernels.cpp`. Each returns when all its threads are done."""

    def __init__(self, path: Path) -> None:
        """Load a file; raise OSError if it cannot be loaded or has other structs."""
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
        """The best instruction set that both this processor and the kernels have."""
        return _INSTRUCTIONS[self.level]

    def start(self, most: int) -> int:
        """Use this processor's instructions up to a level; return the level, as `dragoman_start`.

        With int8 weights every level gives the same bits. No kernel may run during the call.
        """
        found: int = self._functions.dragoman_start(most)
        return found

    def workspace(self) -> "Workspace":
        """Return memory for intermediate results; each calling thread needs its own."""
        return Workspace(self._functions)

    @staticmethod
    def _check_sizes(functions: ctypes.CDLL) -> None:
        sizes = (c_int32 * len(structures.STRUCTURES))()
        functions.dragoman_sizes(sizes)
        expected = [ctypes.sizeof(structure) for structure in structures.STRUCTURES]
        if list(sizes) != expected:
            raise OSError(f"its structs take {list(sizes)} bytes, {expected} were expected")


class Workspace:
    """Memory as large as the largest call needed, freed with this object."""

    def __init__(self, functions: ctypes.CDLL) -> None:
        self._functions = functions
        self.address = c_void_p(functions.dragoman_workspace())

    def __del__(self) -> None:
        self._functions.dragoman_free(self.address)


@cache
def library() -> Library | None:
    """Return the kernels, compiled at the first call; None if they cannot run, which is logged."""
    asked = os.environ.get(VARIABLE, "")
    if asked.lower() in ("off", "0", "false", "no"):
        return None
    try:
        return _loaded(Path(asked) if asked else None)
    except (BuildError, OSError, AttributeError) as error:
        _log.warning("PyTorch's kernels are used instead of our own", extra={"reason": str(error)})
        return None


def _loaded(chosen: Path | None) -> Library | None:
    """Load a file or the compiled kernels.

    Raises:
        BuildError: The kernels cannot be compiled.
        OSError: The file cannot be loaded.
        AttributeError: It is another library.
    """
    # Ask torch: our own code is compiled for AVX-512 as a whole, this check too.
    if not torch.cpu._is_vnni_supported():  # noqa: SLF001 - no public name
        _log.info("this processor has no AVX-512 VNNI: PyTorch's kernels are used")
        return None
    path = chosen or (SHIPPED if SHIPPED.exists() else cached_file())
    if chosen is None and not path.exists():
        _log.info("compiling kernels", extra={"file": str(path)})
        build(path)
    loaded = Library(path)
    return loaded if loaded.level else None
