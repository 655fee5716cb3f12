"""The configuration that Kubernetes would hand to Ray Serve, run by Ray Serve here."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from service.cluster.environment import (
    free_port,
    haproxy_binary,
    haproxy_environment,
    ray_environment,
)
from tests.support.deploy.manifests import load_manifests, pod_templates, serve_config
from tests.support.service.keys import bearing, make_key
from tests.support.service.running import ROOT
from tests.support.service.waiting import wait_until

SERVE_RUN = [sys.executable, "-c", "from ray.serve.scripts import cli; cli()", "run"]


def pod_environment() -> dict[str, str]:
    """Return the variables that the manifests give the worker's container."""
    templates = dict(pod_templates(load_manifests()))
    (container,) = templates["worker cpu"]["spec"]["containers"]
    plain = (variable for variable in container["env"] if "value" in variable)  # no secret's
    return {variable["name"]: variable["value"] for variable in plain}


def local(config: dict[str, Any], *, port: int) -> dict[str, Any]:
    """Return the configuration with loopback addresses, for a machine of a few cores."""
    config["http_options"] = {"host": "127.0.0.1", "port": port}
    for deployment in config["applications"][0]["deployments"]:
        deployment["ray_actor_options"]["num_cpus"] = 0.5
        deployment["graceful_shutdown_timeout_s"] = 1
    return config


@pytest.fixture
def configured() -> Iterator[tuple[str, str]]:
    """The address of the configured service, and a key."""
    binary = haproxy_binary()
    if binary is None:
        pytest.skip("there is no HAProxy for this machine")
    port = free_port()
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="") as name:
        folder = Path(name)
        config = folder / "config.yaml"
        key = make_key(folder / "keys.yaml", "test")
        config.write_text(yaml.safe_dump(local(serve_config(load_manifests()), port=port)))
        environment = {
            **os.environ,
            **pod_environment(),
            **ray_environment(),
            **haproxy_environment(folder, binary),
            "RAY_TMPDIR": name,
            "HOME": name,
            "DRAGOMAN_METRICS_FOLDER": str(folder / "metrics"),
            "DRAGOMAN_METRICS_HOST": "127.0.0.1",
            "DRAGOMAN_METRICS_PORT": str(free_port()),
            "DRAGOMAN_NUM_THREADS": "1",
            "DRAGOMAN_KEYS_FILE": str(folder / "keys.yaml"),
        }
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(  # noqa: S603 - Ray's own command
                [*SERVE_RUN, str(config)], env=environment, cwd=ROOT, stdout=log, stderr=log
            )
            descendants: list[psutil.Process] = []
            try:
                address = f"http://127.0.0.1:{port}"
                wait_until(lambda: is_ready(address, process), timeout_s=120)
                yield address, key
            finally:
                descendants = psutil.Process(process.pid).children(recursive=True)
                end(process, descendants)


def is_ready(address: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "serve run has ended"
    try:
        return httpx.get(f"{address}/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def end(process: subprocess.Popen[bytes], descendants: list[psutil.Process]) -> None:
    """Stop Ray by its command, then kill the processes that are left."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()
        for descendant in descendants:
            if descendant.is_running():
                descendant.kill()
        psutil.wait_procs(descendants, timeout=10)


def test_both_ways_to_run_set_the_same_edge() -> None:
    name = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"
    assert pod_environment()[name] == ray_environment()[name]


def test_the_configuration_for_kubernetes_answers_with_german_whoever_has_a_key(
    configured: tuple[str, str],
) -> None:
    url, key = configured
    body = {"text": "Where is the train station?", "target_lang": "de"}
    assert httpx.post(f"{url}/v1/translate", json=body, timeout=60).status_code == 401
    response = httpx.post(f"{url}/v1/translate", json=body, headers=bearing(key), timeout=60)
    assert response.status_code == 200
    assert response.json()["translations"][0]["text"].startswith("Wo ")
    assert len(response.headers.get_list("x-request-id")) == 1
