"""The one Ray Serve deployment: the engines of a catalogue's models and the HTTP API over them."""

import asyncio
import os

from ray import serve
from starlette.types import ASGIApp

from service.api import create_api
from service.catalogue import Catalogue
from service.host import LocalBackend
from service.log import configure_logging
from service.settings import Settings

# The engine admits, queues and refuses requests itself, with our JSON and `Retry-After`; Ray's own
# limit must never be the one that is met.
MAX_ONGOING_REQUESTS = 100_000


class ModelServer:
    """One replica. Ray Serve calls it; it holds what the replica's requests share."""

    def __init__(self, catalogue: Catalogue, settings: Settings) -> None:
        configure_logging(level=settings.log_level, fmt=settings.log_format)
        self._settings = settings
        self._backend = LocalBackend(catalogue.models, settings)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """The API over this replica's own backend; Ray calls this once, after the constructor."""
        return create_api(self._backend, self._settings)

    def check_health(self) -> None:
        """Raise unless the engine moves; Ray replaces a replica that fails this three times.

        Raises:
            RuntimeError: The engine's heartbeat is old.
        """
        if not self._backend.is_alive():
            raise RuntimeError("the engine's heartbeat is old")
