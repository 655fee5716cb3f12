import pytest

from service.hosting.cores import num_cores, threads_per_replica
from service.settings import Settings


@pytest.fixture(autouse=True)
def _no_omp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def test_the_cores_are_shared_out_among_the_replicas() -> None:
    assert threads_per_replica(Settings()) == num_cores()
    assert threads_per_replica(Settings(num_replicas=num_cores())) == 1


def test_a_replica_has_a_thread_even_where_there_are_more_replicas_than_cores() -> None:
    assert threads_per_replica(Settings(num_replicas=num_cores() + 1)) == 1


def test_what_ray_granted_a_replica_is_what_it_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert threads_per_replica(Settings()) == 7


def test_the_setting_goes_before_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert threads_per_replica(Settings(num_threads=3)) == 3
