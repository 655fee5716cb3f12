"""The compiled kernels, loaded once per process, if this machine can run them.

`DRAGOMAN_KERNELS=off` disables them, to compare with PyTorch's. The name of a level, such as
`avx2`, uses that instead of the best one that the processor has; a path loads that file.
"""

import ctypes
import logging
import os
from ctypes import POINTER, c_char_p, c_int32, c_void_p
from functools import cache
from pathlib import Path

import torch  # noqa: F401 - before the kernels: they take its OpenMP, and so its threads

from model.kernels import structures
from model.kernels.build import BuildError, build, cached_file, file_name
from model.kernels.levels import Level, level_named, levels_of_processor

VARIABLE = "DRAGOMAN_KERNELS"
SHIPPED = Path(__file__).parent  # the folder of the files in an image without a compiler

_log = logging.getLogger(__name__)


class Library:
    """The functions of `src/kernels.cpp`. Each returns when all its threads are done."""

    def __init__(self, path: Path) -> None:
        """Load a file.

        Raises:
            OSError: It cannot be loaded, has other structs or another level than this processor.
            AttributeError: It is another library.
        """
        functions = ctypes.CDLL(str(path))
        self.path = path
        self.level = self._check(functions)
        self.rounds_activations = bool(functions.dragoman_rounds_activations())
        self._functions = functions
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

    def workspace(self) -> "Workspace":
        """Return memory for intermediate results; each calling thread needs its own."""
        return Workspace(self._functions)

    @staticmethod
    def _check(functions: ctypes.CDLL) -> Level:
        """Return the level of a file that this processor can run.

        Only functions without any of the level's instructions are called before it is known.
        """
        functions.dragoman_level.restype = c_char_p
        name = functions.dragoman_level().decode()
        level = level_named(name)
        if level is None or level not in levels_of_processor():
            raise OSError(f"it was compiled for {name}, which this processor lacks")
        sizes = (c_int32 * len(structures.STRUCTURES))()
        functions.dragoman_sizes(sizes)
        expected = [ctypes.sizeof(structure) for structure in structures.STRUCTURES]
        if list(sizes) != expected:
            raise OSError(f"its structs take {list(sizes)} bytes, {expected} were expected")
        if not functions.dragoman_start():
            raise OSError(f"the operating system does not allow {name}")
        return level


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
        return _first_that_runs(asked)
    except (BuildError, OSError, AttributeError) as error:
        _log.warning("PyTorch's kernels are used instead of our own", extra={"reason": str(error)})
        return None


def _first_that_runs(asked: str) -> Library | None:
    """Return a file or level by name, or the best level that can be compiled and runs.

    Raises:
        BuildError: No level can be compiled; the message is about the best one.
        OSError: The file cannot be loaded, or no level.
        AttributeError: It is another library.
    """
    levels = levels_of_processor()
    if asked:
        chosen, known = level_named(asked), ", ".join(level.name for level in levels) or "none"
        if chosen is None and not Path(asked).exists():
            raise OSError(f"{VARIABLE}: {asked!r} is neither off, a level ({known}) nor a file")
        if chosen is None:
            return Library(Path(asked))
        if chosen not in levels:
            raise OSError(f"{VARIABLE}: this processor lacks {asked}; its levels are {known}")
        levels = [chosen]
    if not levels:
        _log.info("this processor has no level of the kernels: PyTorch's kernels are used")
        return None
    errors: list[BuildError | OSError] = []
    for level in levels:
        try:
            return Library(_file_of(level))
        except (BuildError, OSError) as error:
            errors.append(error)
    raise errors[0]


def _file_of(level: Level) -> Path:
    """Return a level's file, shipped or in the user's cache; compile it if it is in neither.

    Raises:
        BuildError: It cannot be compiled.
    """
    shipped = SHIPPED / file_name(level)
    path = shipped if shipped.exists() else cached_file(level)
    if not path.exists():
        _log.info("compiling kernels", extra={"level": level.name, "file": str(path)})
        build(level, path)
    return path
