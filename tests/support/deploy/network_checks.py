"""Checks of what talks to the pods: ports, peers, probes, Prometheus."""

import http.client
import re
from collections.abc import Iterator
from typing import Any

from ray._private import ray_constants
from ray.serve._private import constants as serve_constants
from ray.serve._private.haproxy import HAProxyConfig

from service.telemetry.listener import MetricsListener
from tests.support.deploy.manifests import (
    Manifest,
    container_ports,
    deployments,
    one,
    pod_templates,
    ray_source,
    serve_config,
    service_settings,
)

_DASHBOARD = ray_constants.DEFAULT_DASHBOARD_PORT
_AGENT = ray_constants.DEFAULT_DASHBOARD_AGENT_LISTEN_PORT
_RAY_METRICS = 8080  # the operator starts Ray with --metrics-export-port=8080
_HAPROXY_METRICS = serve_constants.RAY_SERVE_HAPROXY_METRICS_PORT
_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def port_problems(manifests: list[Manifest]) -> list[str]:
    """Ports agree between Serve, the settings, Ray, the containers and the monitor."""
    options = serve_config(manifests)["http_options"]
    problems = []
    if options["host"] != "0.0.0.0":  # noqa: S104
        problems.append("http_options.host: not all interfaces")
    expected = {"serve": options["port"], "metrics": _RAY_METRICS}
    on_worker = {
        **expected,
        "app-metrics": service_settings(manifests).metrics_port,
        "haproxy-metrics": _HAPROXY_METRICS,
    }
    for name, template in pod_templates(manifests):
        ports = container_ports(template)
        problems += [
            f"{name}: the port named {port} is {ports.get(port)}, not {number}"
            for port, number in (expected if name == "head" else on_worker).items()
            if ports.get(port) != number
        ]
        for endpoint in one(manifests, "PodMonitor")["spec"]["podMetricsEndpoints"]:
            if name != "head" and endpoint["port"] not in ports:
                problems.append(f"PodMonitor: {name} has no port {endpoint['port']}")
    return problems


def peer_problems(manifests: list[Manifest]) -> list[str]:
    """The network policy opens each port to the peers that need it, and to no other."""
    pods = {"app.kubernetes.io/instance": "dragoman"}
    metrics = {service_settings(manifests).metrics_port, _RAY_METRICS, _HAPROXY_METRICS}
    table: list[tuple[str, Any, set[int]]] = [
        ("the other pods", [{"podSelector": {"matchLabels": pods}}], set()),  # all ports
        ("every client", None, {serve_config(manifests)["http_options"]["port"]}),
        ("the operator", [_in_any_namespace("kuberay-operator")], {_DASHBOARD, _AGENT}),
        ("Prometheus", [_in_any_namespace("prometheus")], metrics),
    ]
    rules = [
        (rule.get("from"), {port["port"] for port in rule.get("ports", [])})
        for rule in one(manifests, "NetworkPolicy")["spec"]["ingress"]
    ]
    problems = [
        f"NetworkPolicy: {who} may not reach exactly {sorted(ports) or 'all ports'}"
        for who, peers, ports in table
        if (peers, ports) not in rules
    ]
    known = [(peers, ports) for _, peers, ports in table]
    problems += [f"NetworkPolicy: unknown rule {rule}" for rule in rules if rule not in known]
    return problems


def _in_any_namespace(name: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name}
    return {"namespaceSelector": {}, "podSelector": {"matchLabels": labels}}


def probe_problems(manifests: list[Manifest]) -> list[str]:
    """Probes ask what Ray's agent and HAProxy answer, and wait as long as Ray takes."""
    agent_source = ray_source("dashboard/modules/reporter/healthz_agent.py")
    served = {(path, _AGENT) for path in re.findall(r'@routes.get\("(.+?)"\)', agent_source)}
    proxy = (HAProxyConfig.health_check_endpoint, serve_config(manifests)["http_options"]["port"])
    problems = []
    for name, template in pod_templates(manifests):
        container = template["spec"]["containers"][0]
        for probe in _PROBES:
            get = container[probe]["httpGet"]
            answers = {proxy} if name != "head" and probe == "readinessProbe" else served
            if (get["path"], get["port"]) not in answers:
                problems.append(f"{name}: {probe} asks {get}, which is none of {sorted(answers)}")
        problems += [f"{name}: {problem}" for problem in _patience_problems(container, manifests)]
    return problems


def _patience_problems(container: Manifest, manifests: list[Manifest]) -> Iterator[str]:
    start, live, ready = (_budget_s(container[probe]) for probe in _PROBES)
    # Ray's head waits for its dashboard and each node for its agent, one after the other.
    least_s = 2 * ray_constants.RAY_DASHBOARD_STARTUP_TIMEOUT_S
    if start < least_s:
        yield f"startupProbe gives up after {start} s, before Ray does after {least_s} s"
    for _, deployment in deployments(serve_config(manifests)):
        heals_s = deployment["health_check_period_s"] + deployment["health_check_timeout_s"]
        if live <= heals_s:
            yield f"livenessProbe gives up after {live} s; Serve needs {heals_s} s to replace"
    drain_s = serve_constants.PROXY_MIN_DRAINING_PERIOD_S
    if ready >= drain_s:
        yield f"readinessProbe takes {ready} s to notice a drain that may end after {drain_s} s"


def _budget_s(probe: dict[str, Any]) -> float:
    """Return the seconds of failing after which the probe gives up."""
    seconds: float = probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]
    return seconds


def monitor_problems(manifests: list[Manifest]) -> list[str]:
    """Prometheus asks for the path that the service's listener serves, within its interval."""
    problems = []
    for endpoint in one(manifests, "PodMonitor")["spec"]["podMetricsEndpoints"]:
        status = _status_of_listener(endpoint["path"])
        if status != http.HTTPStatus.OK:
            problems.append(f"PodMonitor: the listener answers {status} to {endpoint['path']}")
        interval_s, timeout_s = (_seconds(endpoint[key]) for key in ("interval", "scrapeTimeout"))
        if not 0 < timeout_s <= interval_s:
            problems.append(f"PodMonitor: a time-out of {timeout_s} s every {interval_s} s")
    return problems


def _seconds(text: str) -> float:
    assert text.endswith("s")
    return float(text.removesuffix("s"))


def _status_of_listener(path: str) -> int:
    listener = MetricsListener(host="127.0.0.1", port=0)
    listener.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", listener.port, timeout=10)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status
    finally:
        listener.stop()
