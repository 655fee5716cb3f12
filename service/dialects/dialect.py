"""The interface of a client API: its routes, its field names and the shape of its errors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from service.errors import ApiError
from service.wire.problems import Problem

ErrorDetails = Mapping[str, Any]  # one of pydantic's `ValidationError.errors()`


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One client API; `service.api` mounts it, and asks it to render the errors on its paths.

    Attributes:
        prefixes: A path belongs to the dialect with the longest prefix of it; `""` takes the rest.
        router: The dialect's routes.
        error_body: Renders a problem, given the request's id, as the JSON of the response.
        invalid_body: Returns the error for a body that does not fit the schema of the route with
            that path.
        field_names: The dialect's own name for a field of the records, where it differs.
    """

    prefixes: tuple[str, ...]
    router: APIRouter
    error_body: Callable[[Problem, str], bytes]
    invalid_body: Callable[[str, Sequence[ErrorDetails]], ApiError]
    field_names: Mapping[str, str]
