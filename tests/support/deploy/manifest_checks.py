"""Checks of the manifests against Ray and the service; each returns its problems."""

import math
import re
import tempfile
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ray.serve.config import AutoscalingConfig
from ray.serve.schema import ServeDeploySchema

from service.cluster.environment import haproxy_environment, ray_environment
from service.settings import Settings
from tests.support.deploy.key_checks import key_problems
from tests.support.deploy.manifests import (
    CORE_SCHEMAS,
    CUSTOM_KINDS,
    ROOT,
    SECRETS,
    Check,
    Manifest,
    deployments,
    environment,
    one,
    pod_templates,
    ray_source,
    serve_config,
    service_settings,
)
from tests.support.deploy.manifests import schema_problems as problems_by_schema
from tests.support.deploy.network_checks import (
    monitor_problems,
    peer_problems,
    port_problems,
    probe_problems,
)
from tests.support.deploy.pod_checks import label_problems, security_problems

# What `dragoman serve` sets on one machine and a cluster needs as well.
_AS_ON_ONE_MACHINE = (
    "RAY_SERVE_ENABLE_HA_PROXY",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED",
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH",
    "RAY_SERVE_LOG_TO_STDERR",
    "RAY_SERVE_HAPROXY_METRICS_ENABLED",
    "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S",
    "RAY_USAGE_STATS_ENABLED",
)
_PLAIN_VARIABLES = {"HOME"}
# The files in which Ray and Ray Serve name the variables they read.
_RAY_FILES = (
    "serve/_private/constants.py",
    "_private/ray_constants.py",
    "_common/usage/usage_constants.py",
)


def core_schema_problems(manifests: list[Manifest]) -> list[str]:
    """Each object is of a known kind, and those of Kubernetes itself have only known fields."""
    unknown = [
        f"{m['kind']}: no schema for {m['apiVersion']}"
        for m in manifests
        if (m["apiVersion"], m["kind"]) not in {*CORE_SCHEMAS, *CUSTOM_KINDS}
    ]
    return unknown + problems_by_schema(manifests, CORE_SCHEMAS)


def serve_config_problems(manifests: list[Manifest]) -> list[str]:
    """Ray accepts the configuration and knows every key of it; alone, it ignores unknown ones."""
    config = serve_config(manifests)
    problems = list(_unknown_keys(config, ServeDeploySchema, "serveConfigV2"))
    try:
        ServeDeploySchema.model_validate(config)
        for _, deployment in deployments(config):
            AutoscalingConfig.model_validate(deployment["autoscaling_config"])
    except ValidationError as error:
        problems += [f"serveConfigV2: {line}" for line in str(error).splitlines()]
    names = [(app, deployment["name"]) for app, deployment in deployments(config)]
    if names != [("dragoman", "ModelServer")]:
        problems.append(f"serveConfigV2 deploys {names}")
    if config["applications"][0]["import_path"] != "service.cluster.app:build_app":
        problems.append("serveConfigV2 imports something else than service.cluster.app:build_app")
    return problems


def environment_problems(manifests: list[Manifest]) -> list[str]:
    """Every variable is one that the service or Ray reads, and all nodes have the same."""
    environments = {name: environment(template) for name, template in pod_templates(manifests)}
    head = environments["head"]
    problems = [f"{name}: not the head's" for name, env in environments.items() if env != head]
    for template_name, template in pod_templates(manifests):
        names = [item["name"] for item in template["spec"]["containers"][0]["env"]]
        problems += [f"{template_name}: {n} twice" for n in set(names) if names.count(n) > 1]
        problems += [f"{template_name}: {problem}" for problem in _secret_problems(template)]
    local = _local_environment()
    problems += [
        f"{name}: {head.get(name)}, and {local[name]} on one machine"
        for name in _AS_ON_ONE_MACHINE
        if head.get(name) != local[name]
    ]
    read_by_ray = ray_source(*_RAY_FILES)
    for name in head:
        if name.startswith("DRAGOMAN_"):
            if name.removeprefix("DRAGOMAN_").lower() not in Settings.model_fields:
                problems.append(f"{name}: no such setting")
        elif name not in _PLAIN_VARIABLES and f'"{name}"' not in read_by_ray:
            problems.append(f"{name}: nothing in Ray reads it")
    try:
        service_settings(manifests)
    except ValidationError as error:
        problems.append(f"settings: {error}")
    return problems


def version_problems(manifests: list[Manifest]) -> list[str]:
    """The operator is told the version of Ray that constraints.txt pins and the image has."""
    (pinned,) = re.findall(r"^ray==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    said = one(manifests, "RayService")["spec"]["rayClusterConfig"]["rayVersion"]
    return [] if said == pinned else [f"rayVersion is {said}, and {pinned} is installed"]


def timing_problems(manifests: list[Manifest]) -> list[str]:
    """Each stop waits longer than the longest request, and what would cut it off longer yet."""
    longest = service_settings(manifests).max_timeout_ms / 1000
    service = one(manifests, "RayService")["spec"]
    env = environment(next(iter(pod_templates(manifests)))[1])
    drain = float(env["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"])
    steps = [
        ("the old cluster", service["rayClusterDeletionDelaySeconds"], longest),
        ("HAProxy's hard stop", float(env["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"]), longest),
    ]
    for _, deployment in deployments(serve_config(manifests)):
        shutdown = deployment["graceful_shutdown_timeout_s"]
        steps += [("a replica's shutdown", shutdown, longest), ("a node's drain", drain, shutdown)]
    for name, template in pod_templates(manifests):
        if name != "head":
            steps.append((name, template["spec"]["terminationGracePeriodSeconds"], drain))
    return [f"{what}: {has} s is not above {least} s" for what, has, least in steps if has <= least]


def capacity_problems(manifests: list[Manifest]) -> list[str]:
    """Enough workers for every replica, also while a rollout has twice as many."""
    problems = []
    cluster = one(manifests, "RayService")["spec"]["rayClusterConfig"]
    if cluster["headGroupSpec"]["rayStartParams"].get("num-cpus") != "0":
        problems.append("head: replicas could be placed on it")
    (group,) = cluster["workerGroupSpecs"]
    cpus = int(group["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"])
    threads = service_settings(manifests).num_threads
    if threads != cpus:
        problems.append(f"{threads} threads on {cpus} CPUs")
    for _, deployment in deployments(serve_config(manifests)):
        scaling = deployment["autoscaling_config"]
        each = deployment["ray_actor_options"]["num_cpus"] / cpus
        need = {
            "minReplicas": math.ceil(scaling["min_replicas"] * each),
            "maxReplicas": math.ceil(2 * scaling["max_replicas"] * each),
        }
        problems += [f"{k} {group[k]} is below {v}" for k, v in need.items() if group[k] < v]
    return problems


def policy_problems(manifests: list[Manifest]) -> list[str]:
    """The engine alone rejects, no rollout or failure leaves nobody to answer."""
    problems = []
    for _, deployment in deployments(serve_config(manifests)):
        if deployment["max_ongoing_requests"] <= 2 * service_settings(manifests).max_waiting:
            problems.append("max_ongoing_requests: Ray would reject before the engine does")
        if deployment["max_surge_percent"] != 100:
            problems.append("max_surge_percent: a rollout would stop replicas first")
        if deployment["autoscaling_config"]["min_replicas"] < 2:
            problems.append("min_replicas: one replica has no other to answer for it")
    return problems


CHECKS: list[Check] = [
    core_schema_problems,
    serve_config_problems,
    environment_problems,
    version_problems,
    port_problems,
    peer_problems,
    probe_problems,
    monitor_problems,
    timing_problems,
    capacity_problems,
    policy_problems,
    security_problems,
    key_problems,
    label_problems,
]


def _unknown_keys(value: Any, annotation: Any, where: str) -> Iterator[str]:
    """Paths of the keys that no pydantic model along the annotation names."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_keys(item, annotation, f"{where}[{index}]")
    elif isinstance(value, dict):
        models = list(_models(annotation))
        if not models:
            return  # a free mapping, such as user_config
        for key, item in value.items():
            fields = [m.model_fields[key].annotation for m in models if key in m.model_fields]
            if not fields:
                yield f"{where}.{key}: unknown"
            for field in fields:
                yield from _unknown_keys(item, field, f"{where}.{key}")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models(argument)


def _secret_problems(template: Manifest) -> Iterator[str]:
    for item in template["spec"]["containers"][0]["env"]:
        if item["name"] in SECRETS:
            secret = item.get("valueFrom", {}).get("secretKeyRef", {})
            if not secret.get("optional"):
                yield f"{item['name']}: not from an optional Secret"


def _local_environment() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        return {**ray_environment(), **haproxy_environment(Path(folder), "/bin/haproxy")}
