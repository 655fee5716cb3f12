"""Tell whether requests would be answered."""

from service.backend import Backend, ModelInfo
from service.errors import NotReadyError


def check_ready(backend: Backend, model: ModelInfo | None = None) -> None:
    """Check that every model can answer, and `model` in particular; a lazy one may load first.

    Raises:
        NotReadyError: One cannot.
    """
    has_failed = model is not None and model.state == "failed"
    if has_failed or not (backend.is_alive() and backend.is_ready()):
        raise NotReadyError
