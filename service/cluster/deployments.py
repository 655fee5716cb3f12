"""The one Ray Serve deployment: the engines of a catalogue's models and the HTTP API over them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from starlette.types import ASGIApp

from service.api.create import create_api
from service.catalogue.catalogue import Catalogue
from service.catalogue.fleet import Fleet, FleetClient, Plan
from service.settings import Settings
from service.telemetry.listener import MetricsListener
from service.telemetry.log import configure_logging, get_logger
from service.telemetry.metrics import FOLDER_VARIABLE, is_shared

logger = get_logger(__name__)


class ModelServer:
    """What one replica holds; Ray Serve calls its methods by their names."""

    def __init__(
        self, catalogue: Catalogue, settings: Settings, fleet: FleetClient | None = None
    ) -> None:
        """Load the models.

        Args:
            catalogue: What is served until something is changed.
            settings: How.
            fleet: Says what all replicas serve; without it this one is alone.
        """
        # Torch takes a second and 200 MB, and who only deploys this class does not need it.
        from service.hosting.follower import Follower  # noqa: PLC0415
        from service.hosting.local_backend import LocalBackend  # noqa: PLC0415

        configure_logging(level=settings.log_level, fmt=settings.log_format)
        if not is_shared():
            logger.warning(
                "metrics count this replica alone", reason=f"{FOLDER_VARIABLE} is not set"
            )
        self._settings = settings
        self._fleet = fleet or Fleet(catalogue.models)
        self._backend = LocalBackend(_plan_of(self._fleet).served, settings)
        self._follower = Follower(self._backend, self._fleet)
        self._metrics = MetricsListener(host=settings.metrics_host, port=settings.metrics_port)
        self._metrics.start()

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """The API over this replica's own engines; called once, after the constructor."""
        return create_api(
            self._backend,
            self._settings,
            fleet=self._fleet,
            while_serving=self._follower.following(),
        )

    def check_health(self) -> None:
        """Raise unless the engines move; a replica that raises three times is replaced.

        Raises:
            RuntimeError: An engine's heartbeat is old, or other models are served than should be.
        """
        if not self._backend.is_alive():
            raise RuntimeError("an engine's heartbeat is old")
        if self._follower.error is not None:
            raise RuntimeError(self._follower.error)

    def record_autoscaling_stats(self) -> dict[str, float]:
        """What an autoscaling policy may look at."""
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
        if hasattr(self, "_metrics"):  # the constructor came to its end
            self.close()


def _plan_of(fleet: FleetClient) -> Plan:
    """The fleet's plan, for a constructor: Ray runs it where an event loop runs already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(_asked(fleet))).result()


async def _asked(fleet: FleetClient) -> Plan:
    return await fleet.plan()
