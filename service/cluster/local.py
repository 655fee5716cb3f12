"""Ray and Ray Serve on this machine. Import it once the environment is set: Ray reads it then."""

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

from service.cluster.app import build_app
from service.cluster.tracebacks import error_in
from service.hosting.cores import num_cores, threads_per_replica
from service.settings import Settings
from service.telemetry.metrics import FOLDER_VARIABLE as METRICS_FOLDER

APPLICATION = "dragoman"
OBJECT_STORE_BYTES = 80 << 20  # near Ray's least: requests do not pass through it


class ReplicaError(Exception):
    """The replicas do not start; the sentence is the last one's own error."""


def start_ray(settings: Settings, folder: Path) -> None:
    """Start Ray on this machine alone, its files and logs in `folder`."""
    os.environ[METRICS_FOLDER] = str(
        folder / "metrics"
    )  # for the replicas; this process counts nothing
    ray.init(
        num_cpus=max(num_cores(), settings.num_replicas * threads_per_replica(settings)),
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        logging_level=logging.ERROR,
        _temp_dir=str(folder / "r"),  # Ray opens it to everybody, the folder around it stays ours
    )
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    worker_output.remove_handler("ray_print_logs")
    worker_output.add_handler(APPLICATION, _show_replica_logs)


def start_application(settings: Settings) -> None:
    """Start the proxy and the replicas; returns when all are up.

    Raises:
        ReplicaError: A replica could not be started, three times in a row.
    """
    serve.start(
        proxy_location="EveryNode",
        http_options=HTTPOptions(host=settings.host, port=settings.port),
    )
    try:
        serve.run(build_app(settings), name=APPLICATION, route_prefix="/")
    except RuntimeError as error:
        raise ReplicaError(_reason() or str(error)) from error


def stop() -> None:
    """Stop the replicas, the proxy and Ray."""
    worker_output.remove_handler(APPLICATION)
    with contextlib.redirect_stdout(io.StringIO()):  # Ray reports its own end as a failed task
        if ray.is_initialized():
            serve.shutdown()
        ray.shutdown()


def _show_replica_logs(batch: dict[str, Any]) -> None:
    """Pass on what the replicas log, as they wrote it; Ray's own logs stay in their files."""
    if str(batch.get("actor_name")).startswith("ServeReplica"):
        for line in batch["lines"]:
            sys.stderr.write(f"{line}\n")


def _reason() -> str:
    """The error that the last replica failed with."""
    application = serve.status().applications.get(APPLICATION)
    messages = [d.message for d in application.deployments.values()] if application else []
    return error_in("\n".join(messages))
