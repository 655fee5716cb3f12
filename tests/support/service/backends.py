"""A `LocalBackend` of tiny models."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

from service.backend import FinishedEvent, GenerateRequest
from service.catalogue.catalogue import ModelEntry
from service.catalogue.fleet import Placement
from service.hosting.local_backend import LocalBackend
from tests.support.checkpoints.tiny_models import SETTINGS


@contextmanager
def serving(*models: ModelEntry | Placement) -> Iterator[LocalBackend]:
    """Run a backend with these models."""
    backend = LocalBackend(models, SETTINGS)
    try:
        yield backend
    finally:
        backend.close()


def copy_of(folder: Path, to: Path) -> Path:
    """Copy a model's files to `to`."""
    return Path(shutil.copytree(folder, to))


def num_engines() -> int:
    """Return the number of engine threads in this process."""
    return sum(thread.name == "engine" for thread in threading.enumerate())


def states(backend: LocalBackend) -> dict[str, str]:
    """Return the state of each model, by name."""
    return {model.name: model.state for model in backend.models()}


async def text_of(backend: LocalBackend, request: GenerateRequest) -> str:
    """Return the text of a request's best output."""
    async with aclosing(backend.generate(request)) as events:
        *_, last = [event async for event in events]
    assert isinstance(last, FinishedEvent)
    return last.outputs[0].text
