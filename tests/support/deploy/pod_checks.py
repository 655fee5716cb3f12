"""Checks of the pods: their rights, and the labels by which they are found."""

from collections.abc import Iterator

from tests.support.deploy.manifests import Manifest, one, pod_templates

# The operator's head service selects pods by its own values of these.
_OPERATOR_LABELS = ("app.kubernetes.io/name", "app.kubernetes.io/created-by")


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
