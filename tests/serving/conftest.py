"""One running service with two replicas, for all tests of this folder that only talk to it."""

from collections.abc import Iterator

import pytest

from tests.support.service.running import RunningService, running_service


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here starts Ray, or waits for one that starts."""
    for item in items:
        if item.path.parent.name == "serving":
            item.add_marker(pytest.mark.ray)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def service() -> Iterator[RunningService]:
    with running_service("--replicas", "2", "--threads", "1") as running:
        yield running
