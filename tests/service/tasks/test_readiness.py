"""A service is ready if requests would be answered."""

from dataclasses import replace

import pytest

from service.backend import ModelInfo
from service.errors import NotReadyError
from service.tasks.readiness import check_ready
from tests.support.service.fakes import TRANSLATOR, FakeBackend

LAZY = replace(TRANSLATOR, state="not_loaded")
FAILED = replace(TRANSLATOR, state="failed")


@pytest.mark.parametrize("model", [None, TRANSLATOR, LAZY], ids=["all", "loaded", "lazy"])
def test_a_lazy_model_need_not_be_loaded(model: ModelInfo | None) -> None:
    check_ready(FakeBackend(), model)


@pytest.mark.parametrize(
    ("backend", "model"),
    [
        pytest.param(FakeBackend(alive=False), None, id="engine stopped"),
        pytest.param(FakeBackend(ready=False), None, id="a model is being loaded"),
        pytest.param(FakeBackend(), FAILED, id="this model could not be loaded"),
    ],
)
def test_what_cannot_answer_is_not_ready(backend: FakeBackend, model: ModelInfo | None) -> None:
    with pytest.raises(NotReadyError):
        check_ready(backend, model)
