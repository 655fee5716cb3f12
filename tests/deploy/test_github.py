"""The files of `.github/` and the devcontainer: valid, pinned, and in step with the code."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(
    {*(GITHUB / "ISSUE_TEMPLATE").glob("*.yml")} - {GITHUB / "ISSUE_TEMPLATE/config.yml"}
)
SCHEMAS: dict[str, list[Path]] = {
    "vendor.github-workflows": WORKFLOWS,
    "vendor.github-issue-forms": FORMS,
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE/config.yml"],
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
}
PINNED = re.compile(r"[\w.-]+/[\w./-]+@(v\d+|[0-9a-f]{40})")


def load_workflow(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return content


def jobs() -> list[Any]:
    return [
        pytest.param(job, id=f"{path.stem}/{name}")
        for path in WORKFLOWS
        for name, job in load_workflow(path)["jobs"].items()
    ]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_file_has_only_what_github_knows(schema: str) -> None:
    assert SCHEMAS[schema]
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    done = subprocess.run(  # noqa: S603
        [*command, *map(str, SCHEMAS[schema])], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_and_gives_way_to_a_newer_run(workflow: Path) -> None:
    content = load_workflow(workflow)
    assert content["permissions"] == {"contents": "read"}
    assert content["concurrency"]["cancel-in-progress"]


@pytest.mark.parametrize("job", jobs())
def test_a_job_ends_in_time_and_keeps_no_credentials(job: Any) -> None:
    assert job["timeout-minutes"] <= 90
    assert "permissions" not in job
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("job", jobs())
def test_actions_are_pinned(job: Any) -> None:
    for step in job["steps"]:
        assert "uses" not in step or PINNED.fullmatch(step["uses"]), step["uses"]


@pytest.mark.parametrize("job", jobs())
def test_the_targets_that_are_run_exist(job: Any) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for step in job["steps"]:
        assert {*re.findall(r"\bmake ([a-z]+)", step.get("run", ""))} <= {*targets}


def test_the_suite_runs_on_every_python_that_is_declared_with_kernels_and_without() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = re.findall(r"Python :: (\d\.\d+)", "\n".join(project["classifiers"]))
    (ci,) = (path for path in WORKFLOWS if path.stem == "ci")
    matrix = load_workflow(ci)["jobs"]["test"]["strategy"]["matrix"]
    assert matrix == {"python": declared, "kernels": ["own", "off"]}


def test_the_devcontainer_has_a_python_that_the_project_takes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    content = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text("utf-8"))
    image = content["image"]
    assert image.startswith("mcr.microsoft.com/devcontainers/python:3.11-")
    assert project["requires-python"] == ">=3.11"
