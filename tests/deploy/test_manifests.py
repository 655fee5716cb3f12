"""The Kubernetes base builds, every object is valid, and what it says agrees with the code."""

import copy
import re
import shutil
import subprocess
import tomllib

import pytest
import yaml

from service.cluster.exposure import exposure_problem
from service.settings import Settings
from tests.support.deploy.key_checks import key_problems
from tests.support.deploy.manifest_checks import (
    CHECKS,
    capacity_problems,
    core_schema_problems,
    environment_problems,
    policy_problems,
    serve_config_problems,
    timing_problems,
    version_problems,
)
from tests.support.deploy.manifests import (
    CRD_SCHEMAS_VARIABLE,
    KUBERNETES,
    ROOT,
    Check,
    Manifest,
    Schema,
    crd_schemas,
    load_manifests,
    one,
    pod_templates,
    schema_problems,
)
from tests.support.deploy.mistakes import (
    Seed,
    drop,
    put,
    repeat_variable,
    set_variable,
    swap_in_serve_config,
)
from tests.support.deploy.network_checks import (
    monitor_problems,
    peer_problems,
    port_problems,
    probe_problems,
)
from tests.support.deploy.pod_checks import label_problems, security_problems

DOCKERFILE = ROOT / "Dockerfile"


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return load_manifests()


@pytest.fixture(scope="module")
def built() -> list[Manifest]:
    """Return the objects that `kubectl apply -k` sends."""
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


def test_the_image_answers_nobody_without_keys_unless_it_is_told_to() -> None:
    lines = re.findall(r"^[^#\n]*\bDRAGOMAN_(\w+)=(\S+)", DOCKERFILE.read_text(), re.MULTILINE)
    image = Settings.model_validate({name.lower(): value for name, value in lines})
    assert exposure_problem(image, host=image.host) is not None


def test_pods_run_as_the_user_of_the_image(manifests: list[Manifest]) -> None:
    *_, user = re.findall(r"^USER (\d+)", DOCKERFILE.read_text(), re.MULTILINE)
    users = {str(t["spec"]["securityContext"]["runAsUser"]) for _, t in pod_templates(manifests)}
    assert users == {user}


def test_operators_accept_every_field(
    built: list[Manifest], crds: dict[tuple[str, str], Schema]
) -> None:
    assert schema_problems(built, crds) == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_base_has_no_problem(manifests: list[Manifest], check: Check) -> None:
    assert check(manifests) == []


_HEAD = "spec.rayClusterConfig.headGroupSpec"
_WORKERS = "spec.rayClusterConfig.workerGroupSpecs.0"
_WORKER = f"{_WORKERS}.template.spec"
_CONTAINER = f"{_WORKER}.containers.0"
_OPERATOR_LABELS = "spec.ingress.2.from.0.podSelector.matchLabels"
_NAME = "app\\.kubernetes\\.io/name"
_INSTANCE = "app\\.kubernetes\\.io/instance"
# By the check that must find it: (id, mistake).
SEEDS: dict[Check, dict[str, Seed]] = {
    core_schema_problems: {
        "account-field": put("ServiceAccount", "automountToken", value=False),
        "budget-field": put("PodDisruptionBudget", "spec.minAvailble", 1),
        "budget-version": put("PodDisruptionBudget", "apiVersion", "policy/v1beta1"),
        "policy-field": put("NetworkPolicy", "spec.ingress.1.port", []),
    },
    serve_config_problems: {
        "deployment-key": swap_in_serve_config("max_ongoing_requests", "max_ongoing_request"),
        "autoscaling-key": swap_in_serve_config("max_replicas", "max_replica"),
        "http-key": swap_in_serve_config("host:", "hosts:"),
        "actor-key": swap_in_serve_config("num_cpus: 4", "num_cpu: 4\n          num_cpus: 4"),
        "top-level-key": swap_in_serve_config("proxy_location", "proxy_locaton"),
        "proxy-value": swap_in_serve_config("EveryNode", "EachNode"),
        "deployment-name": swap_in_serve_config("name: ModelServer", "name: ModelServr"),
        "import-path": swap_in_serve_config(
            "service.cluster.app:build_app", "service.cluster.app:build"
        ),
    },
    environment_problems: {
        "setting-name": set_variable("DRAGOMAN_METRIC_PORT", "9464"),
        "setting-value": set_variable("DRAGOMAN_LOG_FORMAT", "jsno"),
        "secret": set_variable("DRAGOMAN_ADMIN_KEY", "0123456789abcdef"),
        "api-keys": set_variable("DRAGOMAN_API_KEYS", "0123456789abcdef"),
        "ray-variable": set_variable("RAY_SERVE_ENABLE_HAPROXY", "1"),
        "haproxy-off": set_variable("RAY_SERVE_ENABLE_HA_PROXY", "0"),
        "haproxy-hard-stop": set_variable("RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S", "120"),
        "worker-environment": put("RayService", f"{_CONTAINER}.env", []),
        "variable-twice": repeat_variable,
    },
    version_problems: {
        "ray-version": put("RayService", "spec.rayClusterConfig.rayVersion", "2.59.0"),
    },
    port_problems: {
        "http-port": swap_in_serve_config("port: 8000", "port: 8080"),
        "metrics-port": set_variable("DRAGOMAN_METRICS_PORT", "9465"),
        "haproxy-metrics-port": put("RayService", f"{_CONTAINER}.ports.3.containerPort", 9100),
        "monitor-port": put("PodMonitor", "spec.podMetricsEndpoints.0.port", "metric"),
    },
    peer_problems: {
        "closed-api": put("NetworkPolicy", "spec.ingress.1.ports.0.port", 8001),
        "closed-to-the-operator": drop("NetworkPolicy", "spec.ingress.2.ports.1"),
        "closed-to-prometheus": drop("NetworkPolicy", "spec.ingress.3.ports.0"),
        "closed-to-other-pods": drop("NetworkPolicy", "spec.ingress.0"),
        "operators-name": put("NetworkPolicy", f"{_OPERATOR_LABELS}.{_NAME}", "kuberay"),
        "operators-namespace": drop("NetworkPolicy", "spec.ingress.2.from.0.namespaceSelector"),
        "open-to-everyone": drop("NetworkPolicy", "spec.ingress.3.from"),
    },
    probe_problems: {
        "start-path": put("RayService", f"{_CONTAINER}.startupProbe.httpGet.path", "/healthz"),
        "ready-path": put("RayService", f"{_CONTAINER}.readinessProbe.httpGet.path", "/healthz"),
        "ready-port": put("RayService", f"{_CONTAINER}.readinessProbe.httpGet.port", 52365),
        "start-budget": put("RayService", f"{_CONTAINER}.startupProbe.failureThreshold", 6),
        "live-budget": put("RayService", f"{_CONTAINER}.livenessProbe.failureThreshold", 3),
        "slow-drain": put("RayService", f"{_CONTAINER}.readinessProbe.failureThreshold", 6),
    },
    monitor_problems: {
        "metrics-path": put("PodMonitor", "spec.podMetricsEndpoints.0.path", "/metric"),
        "scrape-time-out": put("PodMonitor", "spec.podMetricsEndpoints.0.scrapeTimeout", "20s"),
    },
    timing_problems: {
        "shutdown": swap_in_serve_config(
            "graceful_shutdown_timeout_s: 130", "graceful_shutdown_timeout_s: 20"
        ),
        "grace": put("RayService", f"{_WORKER}.terminationGracePeriodSeconds", 30),
    },
    capacity_problems: {
        "no-room-to-surge": put("RayService", f"{_WORKERS}.maxReplicas", 4),
        "replicas-on-head": put("RayService", f"{_HEAD}.rayStartParams", {}),
    },
    policy_problems: {
        "surge": swap_in_serve_config("max_surge_percent: 100", "max_surge_percent: 0"),
        "admission": swap_in_serve_config(
            "max_ongoing_requests: 100000", "max_ongoing_requests: 64"
        ),
        "one-replica": swap_in_serve_config("min_replicas: 2", "min_replicas: 1"),
    },
    security_problems: {
        "root": put("RayService", f"{_WORKER}.securityContext.runAsUser", 0),
        "writable-root": put("RayService", f"{_CONTAINER}.securityContext", {}),
    },
    key_problems: {
        "insecure": set_variable("DRAGOMAN_INSECURE", "1"),
        "keys-elsewhere": set_variable("DRAGOMAN_KEYS_FILE", "/etc/keys.yaml"),
        "keys-not-mounted": drop("RayService", f"{_CONTAINER}.volumeMounts.1"),
        "keys-writable": drop("RayService", f"{_CONTAINER}.volumeMounts.1.readOnly"),
        "keys-of-one-file": put("RayService", f"{_CONTAINER}.volumeMounts.1.subPath", "keys.yaml"),
        "keys-optional": put("RayService", f"{_WORKER}.volumes.1.secret.optional", value=True),
        "keys-for-all": drop("RayService", f"{_WORKER}.volumes.1.secret.defaultMode"),
        "keys-on-the-head": put(
            "RayService",
            f"{_HEAD}.template.spec.containers.0.volumeMounts.0.mountPath",
            "/etc/dragoman/keys",
        ),
    },
    label_problems: {
        "selector": put("PodDisruptionBudget", "spec.selector.matchLabels", {"app": "x"}),
        "operator-label": put("RayService", f"{_HEAD}.template.metadata.labels.{_NAME}", "x"),
        "pod-label": put("RayService", f"{_WORKERS}.template.metadata.labels.{_INSTANCE}", "x"),
        "monitor-label": put("PodMonitor", f"spec.selector.matchLabels.{_INSTANCE}", "x"),
        "account-name": put("RayService", f"{_WORKER}.serviceAccountName", "worker"),
    },
}


def test_a_mistake_is_seeded_for_every_check() -> None:
    assert list(SEEDS) == CHECKS


@pytest.mark.parametrize(
    ("check", "seed"),
    [
        pytest.param(check, seed, id=name)
        for check, seeds in SEEDS.items()
        for name, seed in seeds.items()
    ],
)
def test_a_seeded_mistake_is_found_by_the_check_for_it(
    manifests: list[Manifest], check: Check, seed: Seed
) -> None:
    wrong = copy.deepcopy(manifests)
    seed(wrong)
    assert check(wrong)


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(put("RayService", "spec.serveConfig", ""), id="service-field"),
        pytest.param(put("RayService", f"{_HEAD}.rayStartParam", {}), id="head-field"),
        pytest.param(put("RayService", f"{_WORKERS}.minReplicas", "2"), id="type"),
        pytest.param(put("RayService", f"{_WORKER}.terminationGracePeriod", 1), id="pod-field"),
        pytest.param(
            put("RayService", f"{_WORKER}.containers.0.readinessProb", {}), id="container-field"
        ),
        pytest.param(put("PodMonitor", "spec.podMetricsEndpoint", []), id="monitor-field"),
    ],
)
def test_a_mistake_in_an_operators_object_is_found(
    manifests: list[Manifest], crds: dict[tuple[str, str], Schema], seed: Seed
) -> None:
    wrong = copy.deepcopy(manifests)
    seed(wrong)
    assert schema_problems(wrong, crds)
