"""A pytest plugin: fixtures that run a test with the kernels of several levels of this processor.

`every_level` is each of them. `every_width` is the best and the plainest: what they do with floats
is what those between do.
"""

import os
from collections.abc import Iterator

import pytest

from model.kernels.levels import levels_of_processor
from model.kernels.library import VARIABLE, library

# A level or file that was asked for is the only one: the suite runs with any of them.
_ASKED = os.environ.get(VARIABLE)
_NAMES = [_ASKED] if _ASKED else [level.name for level in levels_of_processor()]


@pytest.fixture(params=_NAMES or ["none"], scope="module")
def every_level(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the name of the level whose kernels `library()` returns during the test."""
    yield from _using(request.param)


@pytest.fixture(params=sorted({*_NAMES[:1], *_NAMES[-1:]}) or ["none"], scope="module")
def every_width(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the name of the level whose kernels `library()` returns during the test."""
    yield from _using(request.param)


def _using(name: str) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, name)
        library.cache_clear()
        yield name
    library.cache_clear()
