"""The one Ray Serve deployment: the engines of a catalogue's models and the HTTP API over them."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from starlette.types import ASGIApp

from service.access.control import AccessControl
from service.access.key_rings import keys_of
from service.api.create import create_api
from service.catalogue.catalogue import Catalogue
from service.catalogue.fleet import Fleet, FleetClient, Plan
from service.catalogue.glossaries import glossaries_of
from service.settings import Settings
from service.storage.open import open_store
from service.storage.store import StateStore
from service.telemetry.listener import MetricsListener
from service.telemetry.log import configure_logging, get_logger
from service.telemetry.metrics import FOLDER_VARIABLE, is_shared

logger = get_logger(__name__)


class ModelServer:
    """A replica: its models, the API over them, the metrics listener.

    Ray Serve calls the methods by their names.
    """

    def __init__(
        self, catalogue: Catalogue, settings: Settings, fleet: FleetClient | None = None
    ) -> None:
        """Load the models.

        Args:
            catalogue: The models to serve until an operator changes them, and the glossaries.
            settings: Limits, device, ports.
            fleet: The plan that all replicas follow; None for a replica on its own.

        Raises:
            KeyFileError: The keys file cannot be used.
            StateStoreError: The store cannot be opened.
            CatalogueError: A model cannot be loaded, or cannot answer.
            FleetLostError: The fleet does not say which models to load.
        """
        # Torch takes a second and 200 MB; the process that deploys this class does not need it.
        from service.hosting.follower import Follower  # noqa: PLC0415
        from service.hosting.local_backend import LocalBackend  # noqa: PLC0415

        configure_logging(level=settings.log_level, fmt=settings.log_format)
        if not is_shared():
            logger.warning(
                "metrics count this replica alone", reason=f"{FOLDER_VARIABLE} is not set"
            )
        self._settings = settings
        self._access = AccessControl(keys_of(settings), _store_of(settings))
        self._glossaries = glossaries_of(catalogue.glossaries)
        self._fleet = fleet or Fleet(catalogue.models)
        self._backend = LocalBackend(_plan_of(self._fleet).served, settings)
        self._follower = Follower(self._backend, self._fleet)
        self._metrics = MetricsListener(host=settings.metrics_host, port=settings.metrics_port)
        self._metrics.start()

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """Return the API over this replica's own engines; called once, after the constructor."""
        return create_api(
            self._backend,
            self._settings,
            fleet=self._fleet,
            while_serving=self._follower.following(),
            glossaries=self._glossaries,
            access=self._access,
        )

    def check_health(self) -> None:
        """Raise if the replica is unhealthy; Ray replaces it after three times.

        Raises:
            RuntimeError: An engine's thread has ended or is stuck in a step, or the replica cannot
                serve the models of the fleet's plan.
        """
        if not self._backend.is_alive():
            raise RuntimeError("an engine's heartbeat is old")
        if self._follower.error is not None:
            raise RuntimeError(self._follower.error)

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Return the replica's load for an autoscaling policy; called by Ray."""
        return {
            "running": self._backend.num_running(),
            "waiting": self._backend.num_waiting(),
            "cache_use": self._backend.cache_use(),
        }

    def close(self) -> None:
        """End the engines and give the metrics port back; may be called again."""
        self._backend.close()
        self._metrics.stop()

    def __del__(self) -> None:
        """Close: Ray calls this once the replica is drained."""
        if hasattr(self, "_metrics"):  # else the constructor has failed
            self.close()


def _store_of(settings: Settings) -> StateStore:
    """Open the store; the replicas of a node find each other's where they count metrics."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return open_store(
        settings, has_keys=settings.has_keys, node_folder=Path(folder) if folder else None
    )


def _plan_of(fleet: FleetClient) -> Plan:
    """Return the fleet's plan; blocks, also in a thread whose event loop is running.

    Ray calls the constructor in such a thread, so another thread asks.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, fleet.plan()).result()
