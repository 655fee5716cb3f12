"""Start and stop Ray and Ray Serve on this machine.

Import this module after the environment is set (`environment.py`): Ray reads it on import.
"""

import contextlib
import io
import logging
import os
import sys
from pathlib import Path
from typing import Any

import ray
from ray import serve
from ray._private.ray_logging import global_worker_stdstream_dispatcher as worker_output
from ray.serve.config import HTTPOptions

from service.cluster.app import application_of
from service.cluster.tracebacks import error_in
from service.hosting.cores import num_cores, threads_per_replica
from service.settings import Settings
from service.telemetry.metrics import FOLDER_VARIABLE as METRICS_FOLDER

APPLICATION = "dragoman"
OBJECT_STORE_BYTES = 80 << 20  # near Ray's minimum: requests do not pass through it


class ReplicaError(Exception):
    """The replicas do not start; the message is that of the last replica's error."""


def start_ray(settings: Settings, folder: Path) -> None:
    """Start a Ray cluster of this machine only, with its files and logs in `folder`."""
    # For the replicas: this process counts nothing.
    os.environ[METRICS_FOLDER] = str(folder / "metrics")
    ray.init(
        num_cpus=max(num_cores(), settings.num_replicas * threads_per_replica(settings)),
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        logging_level=logging.ERROR,
        _temp_dir=str(folder / "r"),  # Ray makes it world-readable; `folder` is private
    )
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    worker_output.remove_handler("ray_print_logs")
    worker_output.add_handler(APPLICATION, _show_replica_logs)


def start_application(settings: Settings) -> None:
    """Start the proxy and the replicas; return when all are up.

    Raises:
        ReplicaError: A replica failed to start three times in a row.
    """
    serve.start(
        proxy_location="EveryNode",
        http_options=HTTPOptions(host=settings.host, port=settings.port),
    )
    try:
        serve.run(application_of(settings), name=APPLICATION, route_prefix="/")
    except RuntimeError as error:
        raise ReplicaError(_reason() or str(error)) from error


def stop() -> None:
    """Stop the replicas, the proxy and Ray."""
    worker_output.remove_handler(APPLICATION)
    with contextlib.redirect_stdout(io.StringIO()):  # Ray prints its own end as a failed task
        if ray.is_initialized():
            serve.shutdown()
        ray.shutdown()


def _show_replica_logs(batch: dict[str, Any]) -> None:
    """Write the replicas' log lines to standard error, unchanged; Ray's stay in their files."""
    if str(batch.get("actor_name")).startswith("ServeReplica"):
        for line in batch["lines"]:
            sys.stderr.write(f"{line}\n")


def _reason() -> str:
    """Return the message of the last replica's error; empty if Ray has none."""
    application = serve.status().applications.get(APPLICATION)
    messages = [d.message for d in application.deployments.values()] if application else []
    return error_in("\n".join(messages))
