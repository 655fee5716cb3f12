"""Build the Ray Serve application, for `dragoman serve` and for a serve config.

A serve config names it by `import_path: service.cluster.app:build_app`.
"""

import hashlib
from typing import Any

import ray
from ray import serve
from ray.serve import Application

from service.catalogue.catalogue import Catalogue, load_catalogue
from service.cluster.deployments import ModelServer
from service.cluster.exposure import exposure_problem
from service.cluster.ray_fleet import RayFleet
from service.hosting.cores import threads_per_replica
from service.settings import Settings

# The engine limits its queue itself and answers with our error object and `Retry-After`; Ray's own
# limit, which answers otherwise, must never be reached first.
MAX_ONGOING_REQUESTS = 100_000


class ExposedError(Exception):
    """A service that would answer anybody, which its settings do not say it may."""


def build_app(args: Settings) -> Application:
    """Build the application of a serve config, from its `args`, then the environment.

    The address to listen on is not known here: it is Ray's, from the config's `http_options`.

    Raises:
        ExposedError: There are no keys, and the settings do not say that anybody may ask.
    """
    problem = exposure_problem(args, host=None)
    if problem is not None:
        raise ExposedError(problem)
    return application_of(args)


def application_of(settings: Settings) -> Application:
    """Build the application, whatever address it will listen on.

    The resources of a replica follow from the machine that builds the application. On a cluster, a
    serve config overrides them, as any option of the deployment, under `deployments`.
    """
    deployment = serve.deployment(
        name="ModelServer",
        num_replicas=settings.num_replicas,
        ray_actor_options=replica_resources(settings),
        max_ongoing_requests=MAX_ONGOING_REQUESTS,
        max_surge_percent=100,  # a new replica answers before the old one leaves
        max_constructor_retry_count=3,
        health_check_period_s=5,
        health_check_timeout_s=20,
        graceful_shutdown_wait_loop_s=0.2,
        graceful_shutdown_timeout_s=settings.max_timeout_ms / 1_000,
        logging_config={"enable_access_log": False, "log_level": "WARNING"},  # we log each request
    )(serve.ingress()(ModelServer))
    catalogue = load_catalogue(settings.catalogue)
    app: Application = deployment.bind(catalogue, settings, fleet_of(catalogue, settings))
    return app


def fleet_of(catalogue: Catalogue, settings: Settings) -> RayFleet | None:
    """Return the fleet that keeps all replicas' models equal; None if no key can change them.

    Without such a key no model can change, so there is nothing to keep equal. The fleet is named by
    a hash of the catalogue: a new catalogue starts without the changes made under the old one,
    while replicas of both run side by side.
    """
    if not settings.can_be_administered:
        return None
    content = hashlib.sha256(catalogue.model_dump_json().encode()).hexdigest()
    return RayFleet(f"fleet-{content[:16]}", catalogue.models)


def replica_resources(settings: Settings) -> dict[str, Any]:
    """Return the CPUs and GPUs of one replica; Ray sets its `OMP_NUM_THREADS` to its CPUs."""
    num_gpus = 0.0
    if settings.device != "cpu":
        num_gpus = ray.cluster_resources().get("GPU", 0.0) / settings.num_replicas
    return {"num_cpus": threads_per_replica(settings), "num_gpus": min(1.0, num_gpus)}
