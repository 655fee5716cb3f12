"""Mistakes to put into the manifests, which a check must find."""

import re
from collections.abc import Callable
from typing import Any

from tests.support.deploy.manifests import Manifest, one, pod_templates

Seed = Callable[[list[Manifest]], None]


def _field(manifests: list[Manifest], kind: str, path: str) -> tuple[Any, str | int]:
    r"""Return a field's owner and key; dots part the path's keys, `\.` is a dot within one."""
    *parents, last = (
        int(key) if key.isdigit() else key.replace("\\.", ".")
        for key in re.split(r"(?<!\\)\.", path)
    )
    node: Any = one(manifests, kind)
    for key in parents:
        node = node[key]
    return node, last


def put(kind: str, path: str, value: object) -> Seed:
    """Return a mistake that sets one field."""

    def seed(manifests: list[Manifest]) -> None:
        owner, key = _field(manifests, kind, path)
        owner[key] = value

    return seed


def drop(kind: str, path: str) -> Seed:
    """Return a mistake that removes a field."""

    def seed(manifests: list[Manifest]) -> None:
        owner, key = _field(manifests, kind, path)
        del owner[key]

    return seed


def swap_in_serve_config(old: str, new: str) -> Seed:
    """Return a mistake in the serve configuration: `new` in place of `old`."""

    def seed(manifests: list[Manifest]) -> None:
        spec = one(manifests, "RayService")["spec"]
        assert old in spec["serveConfigV2"]
        spec["serveConfigV2"] = spec["serveConfigV2"].replace(old, new)

    return seed


def set_variable(name: str, value: str) -> Seed:
    """Return a mistake that sets a variable on every node."""

    def seed(manifests: list[Manifest]) -> None:
        for _, template in pod_templates(manifests):
            env = template["spec"]["containers"][0]["env"]
            env[:] = [item for item in env if item["name"] != name]
            env.append({"name": name, "value": value})

    return seed


def repeat_variable(manifests: list[Manifest]) -> None:
    """Give every node its first variable twice."""
    for _, template in pod_templates(manifests):
        env = template["spec"]["containers"][0]["env"]
        env[:] = [env[0], *env]
