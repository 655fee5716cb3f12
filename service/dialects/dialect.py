"""The interface of a client API: its routes, its field names and the shape of its errors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fastapi import APIRouter

from service.access.control import AccessControl
from service.backend import Backend
from service.errors import ApiError, InvalidBodyError
from service.settings import Settings
from service.storage.store import StateStore
from service.tasks.registry import ModelRegistry
from service.tasks.service import TaskService
from service.tasks.stored_glossaries import StoredGlossaries
from service.text.detection import Detector
from service.text.glossary import Glossary
from service.wire.field_errors import ErrorDetails
from service.wire.problems import ErrorReporter, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All that the routes of a dialect may use.

    Attributes:
        tasks: Answers requests, and counts them for their clients.
        access: Tells the client by its key.
        store: Keeps documents of clients.
        glossaries: Those of the catalogue, by name.
        stored_glossaries: Those that clients made.
        report: Classifies the errors that a stream ends with.
    """

    tasks: TaskService
    access: AccessControl
    backend: Backend
    settings: Settings
    registry: ModelRegistry
    detector: Detector
    store: StateStore
    glossaries: Mapping[str, Glossary]
    stored_glossaries: StoredGlossaries
    report: ErrorReporter


def _misfit(_path: str, _errors: Sequence[ErrorDetails]) -> ApiError:
    return InvalidBodyError("the request does not fit this route")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One client API; `service.api` mounts it, and asks it to render the errors on its paths.

    Attributes:
        prefixes: A path belongs to the dialect with the longest prefix of it; `""` takes the rest.
        router: The dialect's routes.
        error_body: Renders a problem, given the request's id, as the JSON of the response.
        invalid_body: Returns the error for a body that does not fit the schema of the route with
            that path; for routes whose bodies FastAPI validates, not the handler.
        field_names: The dialect's own name for a field of the records, where it differs.
        statuses: Its own HTTP status for a problem's code, or for every problem with a status.
    """

    prefixes: tuple[str, ...]
    router: APIRouter
    error_body: Callable[[Problem, str], bytes]
    invalid_body: Callable[[str, Sequence[ErrorDetails]], ApiError] = _misfit
    field_names: Mapping[str, str]
    statuses: Mapping[str | int, int] = field(default_factory=dict)

    def problem(self, problem: Problem) -> Problem:
        """Return a problem with the dialect's own status."""
        by_status = self.statuses.get(problem.status, problem.status)
        return replace(problem, status=self.statuses.get(problem.code, by_status))
