"""Kubernetes manifests as plain data: read, addressed by kind, and judged strictly by schema."""

import copy
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from service.settings import Settings

ROOT = Path(__file__).parents[3]
KUBERNETES = ROOT / "deploy" / "kubernetes"
CRD_SCHEMAS_VARIABLE = "DRAGOMAN_CRD_SCHEMAS"

Manifest = dict[str, Any]
Schema = dict[str, Any]
Check = Callable[[list[Manifest]], list[str]]  # returns one sentence for each problem
# Settings from Secrets without which the service starts, too.
SECRETS = {"DRAGOMAN_ADMIN_KEY", "DRAGOMAN_API_KEYS", "DRAGOMAN_STATE_STORE"}


def load_manifests() -> list[Manifest]:
    """Every object of the base, as its files have it: before `images` and `namespace` apply."""
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    return [yaml.safe_load((KUBERNETES / name).read_text()) for name in kustomization["resources"]]


def one(manifests: list[Manifest], kind: str) -> Manifest:
    """The only object of that kind."""
    (manifest,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return manifest


def pod_templates(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """(name, pod template) of the head, then of each worker group."""
    cluster = one(manifests, "RayService")["spec"]["rayClusterConfig"]
    yield "head", cluster["headGroupSpec"]["template"]
    for group in cluster["workerGroupSpecs"]:
        yield f"worker {group['groupName']}", group["template"]


def serve_config(manifests: list[Manifest]) -> dict[str, Any]:
    """Return the Serve configuration that the RayService carries."""
    parsed: dict[str, Any] = yaml.safe_load(one(manifests, "RayService")["spec"]["serveConfigV2"])
    return parsed


def deployments(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (application, deployment) of all that Ray Serve runs."""
    for application in config["applications"]:
        for deployment in application["deployments"]:
            yield application["name"], deployment


def environment(template: Manifest) -> dict[str, str]:
    """Return each variable's value, or where the value comes from."""
    items = template["spec"]["containers"][0]["env"]
    return {item["name"]: item.get("value", str(item.get("valueFrom"))) for item in items}


def container_ports(template: Manifest) -> dict[str, int]:
    """Return the number of each named port."""
    return {
        port["name"]: port["containerPort"] for port in template["spec"]["containers"][0]["ports"]
    }


def service_settings(manifests: list[Manifest]) -> Settings:
    """Return the service's settings as the pods' environment has them."""
    env = environment(next(iter(pod_templates(manifests)))[1])
    values = {
        name.removeprefix("DRAGOMAN_").lower(): value
        for name, value in env.items()
        if name.startswith("DRAGOMAN_") and name not in SECRETS
    }
    known = {name: value for name, value in values.items() if name in Settings.model_fields}
    return Settings.model_validate(known)


def ray_source(*files: str) -> str:
    """Return the text of files in the installed package `ray`."""
    spec = importlib.util.find_spec("ray")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    return "\n".join((package / name).read_text() for name in files)


def crd_schemas() -> dict[tuple[str, str], Schema] | None:
    """(apiVersion, kind) -> strict schema, from the folder that the environment names, or None.

    The definitions are Kubernetes operators' own files (`*.yaml`, searched in all subfolders).
    """
    folder = os.environ.get(CRD_SCHEMAS_VARIABLE)
    if not folder:
        return None
    schemas = {}
    for path in sorted(Path(folder).rglob("*.yaml")):
        spec = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)["spec"]
        for version in spec["versions"]:
            key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            schemas[key] = strict(version["schema"]["openAPIV3Schema"])
    return schemas


def strict(schema: Schema) -> Schema:
    """A copy that refuses fields it does not name, which an API server would drop in silence."""
    result = copy.deepcopy(schema)
    _refuse_unknown(result)
    return result


def _refuse_unknown(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _refuse_unknown(item)
    elif isinstance(node, dict):
        if isinstance(node.get("properties"), dict) and not node.get(
            "x-kubernetes-preserve-unknown-fields"
        ):
            node.setdefault("additionalProperties", False)
        for value in node.values():
            _refuse_unknown(value)


def schema_problems(
    manifests: list[Manifest], schemas: Mapping[tuple[str, str], Schema]
) -> list[str]:
    """One sentence for each field that its kind's schema does not allow."""
    problems = []
    for manifest in manifests:
        key = (manifest.get("apiVersion", ""), manifest.get("kind", ""))
        if key in schemas:
            errors = Draft202012Validator(schemas[key]).iter_errors(manifest)
            problems += [f"{key[1]}{error.json_path[1:]}: {error.message}" for error in errors]
    return problems


def _object(*required: str, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_NAME: Schema = {"type": "string", "pattern": "^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$"}
_LABELS: Schema = {
    "type": "object",
    "propertyNames": {"pattern": r"^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"},
    "additionalProperties": {"type": "string", "maxLength": 63},
}
_METADATA = _object(
    "name", "labels", name=_NAME, namespace=_NAME, labels=_LABELS, annotations=_LABELS
)
_SELECTOR = _object(matchLabels={**_LABELS, "minProperties": 1})
_PORT = _object(
    "port",
    port={"type": "integer", "minimum": 1, "maximum": 65535},
    endPort={"type": "integer", "minimum": 1, "maximum": 65535},
    protocol={"enum": ["TCP", "UDP"]},
)
_PEER = _object(podSelector=_SELECTOR, namespaceSelector=_object(matchLabels=_LABELS))
_INGRESS = _object(
    ports={"type": "array", "items": _PORT, "minItems": 1},
    **{"from": {"type": "array", "items": _PEER, "minItems": 1}},
)


def _kind(version: str, kind: str, **properties: Schema) -> tuple[tuple[str, str], Schema]:
    schema = _object(
        *("apiVersion", "kind", "metadata", *properties),
        apiVersion={"const": version},
        kind={"const": kind},
        metadata=_METADATA,
        **properties,
    )
    return (version, kind), schema


# What the base uses of the kinds that Kubernetes itself brings, and nothing else of them.
CORE_SCHEMAS = dict(
    [
        _kind("v1", "Namespace"),
        _kind("v1", "ServiceAccount", automountServiceAccountToken={"type": "boolean"}),
        _kind(
            "policy/v1",
            "PodDisruptionBudget",
            spec=_object(
                *("minAvailable", "selector"),
                minAvailable={"type": "integer", "minimum": 1},
                selector=_SELECTOR,
            ),
        ),
        _kind(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            spec=_object(
                *("podSelector", "policyTypes", "ingress"),
                podSelector=_SELECTOR,
                policyTypes={"const": ["Ingress"]},
                ingress={"type": "array", "items": _INGRESS, "minItems": 1},
            ),
        ),
    ]
)
CUSTOM_KINDS = {("ray.io/v1", "RayService"), ("monitoring.coreos.com/v1", "PodMonitor")}
