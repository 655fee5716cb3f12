"""The Kubernetes base builds, every object is valid, and what it says agrees with the code."""

import copy
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.support.deploy.manifest_checks import CHECKS, Check
from tests.support.deploy.manifests import (
    CRD_SCHEMAS_VARIABLE,
    KUBERNETES,
    ROOT,
    Manifest,
    Schema,
    crd_schemas,
    load_manifests,
    one,
    pod_templates,
    schema_problems,
)

Seed = Callable[[list[Manifest]], None]


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return load_manifests()


@pytest.fixture(scope="module")
def built() -> list[Manifest]:
    """What `kubectl apply -k` would send."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed (Debian: kubernetes-client)")
    command = [kubectl, "kustomize", str(KUBERNETES)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def crds() -> dict[tuple[str, str], Schema]:
    schemas = crd_schemas()
    if schemas is None:
        pytest.skip(f"{CRD_SCHEMAS_VARIABLE} names no folder with the operators' definitions")
    return schemas


def test_kubectl_builds_every_object_of_the_files(
    manifests: list[Manifest], built: list[Manifest]
) -> None:
    kinds = sorted(manifest["kind"] for manifest in manifests)
    assert sorted(manifest["kind"] for manifest in built) == kinds
    spaces = {m["metadata"].get("namespace") for m in built if m["kind"] != "Namespace"}
    assert spaces == {one(built, "Namespace")["metadata"]["name"]}


def test_every_container_runs_the_released_image(built: list[Manifest]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = {
        container["image"]
        for _, template in pod_templates(built)
        for container in template["spec"]["containers"]
    }
    assert images == {f"dragoman:{version}"}


def test_pods_run_as_the_user_of_the_image(manifests: list[Manifest]) -> None:
    dockerfile = ROOT / "Dockerfile"
    *_, user = re.findall(r"^USER (\d+)", dockerfile.read_text(), re.MULTILINE)
    users = {str(t["spec"]["securityContext"]["runAsUser"]) for _, t in pod_templates(manifests)}
    assert users == {user}


def test_operators_accept_every_field(
    built: list[Manifest], crds: dict[tuple[str, str], Schema]
) -> None:
    assert schema_problems(built, crds) == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_base_has_no_problem(manifests: list[Manifest], check: Check) -> None:
    assert check(manifests) == []


def _put(kind: str, path: str, value: object) -> Seed:
    """Sets one field, whose path is written with dots; a number is a place in a list."""

    def seed(manifests: list[Manifest]) -> None:
        *parents, last = path.split(".")
        node: Any = one(manifests, kind)
        for key in parents:
            node = node[int(key) if key.isdigit() else key]
        node[last] = value

    return seed


def _swap(old: str, new: str) -> Seed:
    """Changes a piece of the serve configuration."""

    def seed(manifests: list[Manifest]) -> None:
        spec = one(manifests, "RayService")["spec"]
        assert old in spec["serveConfigV2"]
        spec["serveConfigV2"] = spec["serveConfigV2"].replace(old, new)

    return seed


def _set_environment(name: str, value: str) -> Seed:
    """Sets a variable on every node."""

    def seed(manifests: list[Manifest]) -> None:
        for _, template in pod_templates(manifests):
            env = template["spec"]["containers"][0]["env"]
            env[:] = [item for item in env if item["name"] != name]
            env.append({"name": name, "value": value})

    return seed


def _repeat_variable(manifests: list[Manifest]) -> None:
    """Gives every node its first variable twice."""
    for _, template in pod_templates(manifests):
        env = template["spec"]["containers"][0]["env"]
        env[:] = [env[0], *env]


_HEAD = "spec.rayClusterConfig.headGroupSpec"
_WORKERS = "spec.rayClusterConfig.workerGroupSpecs.0"
_WORKER = f"{_WORKERS}.template.spec"
SEEDS = [
    pytest.param(_put("ServiceAccount", "automountToken", value=False), id="account-field"),
    pytest.param(_put("PodDisruptionBudget", "spec.minAvailble", 1), id="budget-field"),
    pytest.param(_put("PodDisruptionBudget", "apiVersion", "policy/v1beta1"), id="budget-version"),
    pytest.param(
        _put("PodDisruptionBudget", "spec.selector.matchLabels", {"app": "x"}), id="selector"
    ),
    pytest.param(_put("NetworkPolicy", "spec.ingress.1.port", []), id="policy-field"),
    pytest.param(_put("NetworkPolicy", "spec.ingress.1.ports.0.port", 8001), id="policy-port"),
    pytest.param(_put("PodMonitor", "spec.podMetricsEndpoints.0.port", "metric"), id="monitor"),
    pytest.param(_swap("max_ongoing_requests", "max_ongoing_request"), id="deployment-key"),
    pytest.param(_swap("max_replicas", "max_replica"), id="autoscaling-key"),
    pytest.param(_swap("host:", "hosts:"), id="http-key"),
    pytest.param(_swap("num_cpus: 4", "num_cpu: 4\n          num_cpus: 4"), id="actor-key"),
    pytest.param(_swap("proxy_location", "proxy_locaton"), id="top-level-key"),
    pytest.param(_swap("EveryNode", "EachNode"), id="proxy-value"),
    pytest.param(_swap("max_surge_percent: 100", "max_surge_percent: 0"), id="surge"),
    pytest.param(_swap("name: ModelServer", "name: ModelServr"), id="deployment-name"),
    pytest.param(
        _swap("service.cluster.app:build_app", "service.cluster.app:build"), id="import-path"
    ),
    pytest.param(
        _swap("graceful_shutdown_timeout_s: 130", "graceful_shutdown_timeout_s: 20"), id="shutdown"
    ),
    pytest.param(_swap("port: 8000", "port: 8080"), id="http-port"),
    pytest.param(_swap("max_ongoing_requests: 100000", "max_ongoing_requests: 64"), id="admission"),
    pytest.param(_set_environment("DRAGOMAN_METRIC_PORT", "9464"), id="setting-name"),
    pytest.param(_set_environment("DRAGOMAN_LOG_FORMAT", "jsno"), id="setting-value"),
    pytest.param(_set_environment("DRAGOMAN_METRICS_PORT", "9465"), id="metrics-port"),
    pytest.param(_set_environment("DRAGOMAN_ADMIN_KEY", "0123456789abcdef"), id="secret"),
    pytest.param(_set_environment("RAY_SERVE_ENABLE_HAPROXY", "1"), id="ray-variable"),
    pytest.param(_set_environment("RAY_SERVE_ENABLE_HA_PROXY", "0"), id="haproxy-off"),
    pytest.param(
        _set_environment("RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S", "120"), id="haproxy-hard-stop"
    ),
    pytest.param(_put("RayService", f"{_WORKER}.containers.0.env", []), id="worker-environment"),
    pytest.param(_repeat_variable, id="variable-twice"),
    pytest.param(_put("RayService", f"{_WORKER}.terminationGracePeriodSeconds", 30), id="grace"),
    pytest.param(_put("RayService", f"{_WORKER}.serviceAccountName", "worker"), id="account-name"),
    pytest.param(_put("RayService", f"{_WORKERS}.maxReplicas", 4), id="no-room-to-surge"),
    pytest.param(_put("RayService", f"{_HEAD}.rayStartParams", {}), id="replicas-on-head"),
    pytest.param(
        _put("RayService", f"{_HEAD}.template.metadata.labels", {"app.kubernetes.io/name": "x"}),
        id="operator-label",
    ),
    pytest.param(_put("RayService", f"{_WORKER}.securityContext.runAsUser", 0), id="root"),
    pytest.param(
        _put("RayService", f"{_WORKER}.containers.0.securityContext", {}), id="writable-root"
    ),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seeded_mistake_is_found(manifests: list[Manifest], seed: Seed) -> None:
    wrong = copy.deepcopy(manifests)
    seed(wrong)
    assert any(check(wrong) for check in CHECKS)


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(_put("RayService", "spec.serveConfig", ""), id="service-field"),
        pytest.param(_put("RayService", f"{_HEAD}.rayStartParam", {}), id="head-field"),
        pytest.param(_put("RayService", f"{_WORKERS}.minReplicas", "2"), id="type"),
        pytest.param(_put("RayService", f"{_WORKER}.terminationGracePeriod", 1), id="pod-field"),
        pytest.param(
            _put("RayService", f"{_WORKER}.containers.0.readinessProb", {}), id="container-field"
        ),
        pytest.param(_put("PodMonitor", "spec.podMetricsEndpoint", []), id="monitor-field"),
    ],
)
def test_a_mistake_in_an_operators_object_is_found(
    manifests: list[Manifest], crds: dict[tuple[str, str], Schema], seed: Seed
) -> None:
    wrong = copy.deepcopy(manifests)
    seed(wrong)
    assert schema_problems(wrong, crds)
