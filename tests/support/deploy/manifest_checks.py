"""What must hold between the manifests, Ray, and the service; each check returns its problems."""

import importlib.util
import math
import tempfile
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ray.serve.config import AutoscalingConfig
from ray.serve.schema import ServeDeploySchema

from service.cluster.environment import haproxy_environment, ray_environment
from service.settings import Settings
from tests.support.deploy.manifests import (
    CORE_SCHEMAS,
    CUSTOM_KINDS,
    Manifest,
    one,
    pod_templates,
    serve_config,
)
from tests.support.deploy.manifests import schema_problems as problems_by_schema

Check = Callable[[list[Manifest]], list[str]]
# The operator's head service selects pods by its own values of these.
_OPERATOR_LABELS = ("app.kubernetes.io/name", "app.kubernetes.io/created-by")
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
_SECRETS = {"DRAGOMAN_ADMIN_KEY"}  # without which the service starts, too


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
        for _, deployment in _deployments(config):
            AutoscalingConfig.model_validate(deployment["autoscaling_config"])
    except ValidationError as error:
        problems += [f"serveConfigV2: {line}" for line in str(error).splitlines()]
    names = [(app, deployment["name"]) for app, deployment in _deployments(config)]
    if names != [("dragoman", "ModelServer")]:
        problems.append(f"serveConfigV2 deploys {names}")
    if config["applications"][0]["import_path"] != "service.cluster.app:build_app":
        problems.append("serveConfigV2 imports something else than service.cluster.app:build_app")
    return problems


def environment_problems(manifests: list[Manifest]) -> list[str]:
    """Every variable is one that the service or Ray reads, and all nodes have the same."""
    environments = {name: _environment(template) for name, template in pod_templates(manifests)}
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
    ray_source = _ray_source()
    for name in head:
        if name.startswith("DRAGOMAN_"):
            if name.removeprefix("DRAGOMAN_").lower() not in Settings.model_fields:
                problems.append(f"{name}: no such setting")
        elif name not in _PLAIN_VARIABLES and f'"{name}"' not in ray_source:
            problems.append(f"{name}: nothing in Ray reads it")
    try:
        _settings(manifests)
    except ValidationError as error:
        problems.append(f"settings: {error}")
    return problems


def port_problems(manifests: list[Manifest]) -> list[str]:
    """Ports agree between Serve, the settings, the containers, the policy and the monitor."""
    http = serve_config(manifests)["http_options"]
    problems = [] if http["host"] == "0.0.0.0" else ["http_options.host: not all interfaces"]  # noqa: S104
    metrics_port = _settings(manifests).metrics_port
    declared: set[int] = {8265, 52365}  # the dashboard and its agents: Ray's own
    for name, template in pod_templates(manifests):
        ports = _ports(template)
        declared |= set(ports.values())
        if ports.get("serve") != http["port"]:
            problems.append(f"{name}: the port named serve is not {http['port']}")
        if name != "head" and ports.get("app-metrics") != metrics_port:
            problems.append(f"{name}: the port named app-metrics is not {metrics_port}")
        problems += [
            f"{name}: {probe} asks port {port}"
            for probe, port in _probe_ports(template)
            if port not in {http["port"], 52365}
        ]
        for endpoint in one(manifests, "PodMonitor")["spec"]["podMetricsEndpoints"]:
            if name != "head" and endpoint["port"] not in ports:
                problems.append(f"PodMonitor: {name} has no port {endpoint['port']}")
    opened = set(_policy_ports(manifests))
    problems += [f"NetworkPolicy: nothing listens on {port}" for port in opened - declared]
    problems += [
        f"NetworkPolicy: {port} is closed" for port in {http["port"], metrics_port} - opened
    ]
    return problems


def timing_problems(manifests: list[Manifest]) -> list[str]:
    """What stops something waits longer than the longest request, and its stopper longer yet."""
    longest = _settings(manifests).max_timeout_ms / 1000
    service = one(manifests, "RayService")["spec"]
    env = _environment(next(iter(pod_templates(manifests)))[1])
    drain = float(env["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"])
    steps = [
        ("the old cluster", service["rayClusterDeletionDelaySeconds"], longest),
        ("HAProxy's hard stop", float(env["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"]), longest),
    ]
    for _, deployment in _deployments(serve_config(manifests)):
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
    threads = _settings(manifests).num_threads
    if threads != cpus:
        problems.append(f"{threads} threads on {cpus} CPUs")
    for _, deployment in _deployments(serve_config(manifests)):
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
    for _, deployment in _deployments(serve_config(manifests)):
        if deployment["max_ongoing_requests"] <= 2 * _settings(manifests).max_waiting:
            problems.append("max_ongoing_requests: Ray would reject before the engine does")
        if deployment["max_surge_percent"] != 100:
            problems.append("max_surge_percent: a rollout would stop replicas first")
        if deployment["autoscaling_config"]["min_replicas"] < 2:
            problems.append("min_replicas: one replica has no other to answer for it")
    return problems


def security_problems(manifests: list[Manifest]) -> list[str]:
    """Pods and containers, the operator's own included, meet the restricted standard and more."""
    cluster = one(manifests, "RayService")["spec"]["rayClusterConfig"]
    problems = list(_container_problems("autoscaler", cluster["autoscalerOptions"]))
    for name, template in pod_templates(manifests):
        pod = template["spec"]["securityContext"]
        if not (pod["runAsNonRoot"] and pod["runAsUser"] >= 1000):
            problems.append(f"{name}: may run as root")
        if pod["seccompProfile"] != {"type": "RuntimeDefault"}:
            problems.append(f"{name}: no seccomp profile")
        if name != "head" and template["spec"].get("automountServiceAccountToken") is not False:
            problems.append(f"{name}: carries a token")
        for container in template["spec"]["containers"]:
            problems += _container_problems(name, container)
    return problems


def _container_problems(name: str, container: Manifest) -> Iterator[str]:
    if container["securityContext"] != {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }:
        yield f"{name}: container security context"
    if "/tmp" not in {mount["mountPath"] for mount in container["volumeMounts"]}:  # noqa: S108
        yield f"{name}: nowhere to write"
    if not {"cpu", "memory"} <= container["resources"]["requests"].keys():
        yield f"{name}: no resource requests"


def label_problems(manifests: list[Manifest]) -> list[str]:
    """Selectors find pods, and pods keep the labels by which the operator finds its own."""
    labels = {name: t["metadata"]["labels"] for name, t in pod_templates(manifests)}
    problems = [
        f"{name}: {key} is the operator's"
        for name, has in labels.items()
        for key in _OPERATOR_LABELS
        if key in has
    ]
    selectors = {
        "PodDisruptionBudget": one(manifests, "PodDisruptionBudget")["spec"]["selector"],
        "PodMonitor": one(manifests, "PodMonitor")["spec"]["selector"],
        "NetworkPolicy": one(manifests, "NetworkPolicy")["spec"]["podSelector"],
    }
    for _, template in pod_templates(manifests):
        for spread in template["spec"].get("topologySpreadConstraints", []):
            selectors[f"spread over {spread['topologyKey']}"] = spread["labelSelector"]
    for what, selector in selectors.items():
        found = [n for n, has in labels.items() if selector["matchLabels"].items() <= has.items()]
        wanted = list(labels) if what == "NetworkPolicy" else [n for n in labels if n != "head"]
        if found != wanted:
            problems.append(f"{what} selects {found}, not {wanted}")
    accounts = {t["spec"].get("serviceAccountName") for _, t in pod_templates(manifests)} - {None}
    if accounts != {one(manifests, "ServiceAccount")["metadata"]["name"]}:
        problems.append(f"service accounts: {accounts}")
    return problems


CHECKS: list[Check] = [
    core_schema_problems,
    serve_config_problems,
    environment_problems,
    port_problems,
    timing_problems,
    capacity_problems,
    policy_problems,
    security_problems,
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


def _deployments(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for application in config["applications"]:
        for deployment in application["deployments"]:
            yield application["name"], deployment


def _environment(template: Manifest) -> dict[str, str]:
    """What is said of each variable: its value, or where it comes from."""
    items = template["spec"]["containers"][0]["env"]
    return {item["name"]: item.get("value", str(item.get("valueFrom"))) for item in items}


def _secret_problems(template: Manifest) -> Iterator[str]:
    for item in template["spec"]["containers"][0]["env"]:
        if item["name"] in _SECRETS:
            secret = item.get("valueFrom", {}).get("secretKeyRef", {})
            if not secret.get("optional"):
                yield f"{item['name']}: not from an optional Secret"


def _settings(manifests: list[Manifest]) -> Settings:
    env = _environment(next(iter(pod_templates(manifests)))[1])
    values = {
        name.removeprefix("DRAGOMAN_").lower(): value
        for name, value in env.items()
        if name.startswith("DRAGOMAN_") and name not in _SECRETS
    }
    known = {name: value for name, value in values.items() if name in Settings.model_fields}
    return Settings.model_validate(known)


def _local_environment() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        return {**ray_environment(), **haproxy_environment(Path(folder), "/bin/haproxy")}


def _ports(template: Manifest) -> dict[str, int]:
    return {
        port["name"]: port["containerPort"] for port in template["spec"]["containers"][0]["ports"]
    }


def _probe_ports(template: Manifest) -> Iterator[tuple[str, int]]:
    container = template["spec"]["containers"][0]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        yield probe, container[probe]["httpGet"]["port"]


def _policy_ports(manifests: list[Manifest]) -> Iterator[int]:
    for rule in one(manifests, "NetworkPolicy")["spec"]["ingress"]:
        for port in rule.get("ports", []):
            yield port["port"]


def _ray_source() -> str:
    """The files in which Ray and Ray Serve name the variables they read."""
    spec = importlib.util.find_spec("ray")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    files = [
        "serve/_private/constants.py",
        "_private/ray_constants.py",
        "_common/usage/usage_constants.py",
    ]
    return "\n".join((package / name).read_text() for name in files)
