"""Checks of who may ask: keys from a Secret, which must exist, and that a change of it is seen."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from service.cluster.exposure import exposure_problem
from tests.support.deploy.manifests import Manifest, pod_templates, service_settings


def key_problems(manifests: list[Manifest]) -> list[str]:
    """Nobody is answered without a key, and only the workers can read the keys' hashes."""
    settings = service_settings(manifests)
    problem = exposure_problem(settings, host=None)
    problems = [] if problem is None else [problem]
    if settings.insecure:
        problems.append("DRAGOMAN_INSECURE is set")
    for name, template in pod_templates(manifests):
        mounts = [
            mount
            for mount in template["spec"]["containers"][0]["volumeMounts"]
            if PurePosixPath(mount["mountPath"]) in (settings.keys_file or PurePosixPath()).parents
        ]
        if name == "head":
            problems += [f"head: reads {mount['name']}" for mount in mounts]
        elif len(mounts) != 1:
            problems.append(f"{name}: {len(mounts)} volumes hold the keys file")
        else:
            problems += [f"{name}: {each}" for each in _mount_problems(mounts[0], template)]
    return problems


def _mount_problems(mount: Manifest, template: Manifest) -> Iterator[str]:
    if not mount.get("readOnly"):
        yield "may write the keys"
    if "subPath" in mount:
        yield "sees no change of the keys"
    (volume,) = [v for v in template["spec"]["volumes"] if v["name"] == mount["name"]]
    secret = volume.get("secret", {})
    if not secret.get("secretName") or secret.get("optional"):
        yield "takes the keys from no Secret that must exist"
    if secret.get("defaultMode") != 0o440:
        yield "others than the pod's group may read the keys, or it may not"
