"""Refusals of a request for what HTTP carries around its fields: its head, its body's bytes.

They are raised while the body is read, too, where FastAPI lets nothing through but an
`HTTPException`.
"""

from http import HTTPStatus

from starlette.exceptions import HTTPException

from service.errors import show


class RefusalError(HTTPException):
    """A request that is refused before its fields are looked at."""


class BodyTooLargeError(RefusalError):
    """A body longer than the service reads."""

    def __init__(self, *, limit_bytes: int) -> None:
        super().__init__(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body is larger than {limit_bytes} bytes, the most that is read",
        )


class BodyTimeoutError(RefusalError):
    """A body that takes too long to arrive; the connection is closed, as the rest may follow."""

    def __init__(self, *, limit_s: float) -> None:
        super().__init__(
            HTTPStatus.REQUEST_TIMEOUT,
            f"the body has not arrived within {limit_s:g} s of its request",
            {"connection": "close"},
        )


class BodyEncodingError(RefusalError):
    """A compressed body; a few of its bytes could stand for gigabytes."""

    def __init__(self, encoding: str) -> None:
        super().__init__(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the body's content-encoding is {show(encoding)}; bodies are read uncompressed only",
        )


class HeadTooLargeError(RefusalError):
    """A request with too many headers, or with too long ones."""

    def __init__(self, *, num_headers: int, num_bytes: int, limits: tuple[int, int]) -> None:
        super().__init__(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"the request has {num_headers} headers, with its path of {num_bytes} bytes together; "
            f"at most {limits[0]} headers and {limits[1]} bytes are read",
        )


class HostNotAllowedError(RefusalError):
    """A request for a host that the service does not answer for."""

    def __init__(self, host: str) -> None:
        super().__init__(
            HTTPStatus.MISDIRECTED_REQUEST,
            f"the host is {show(host)}; this service answers for others only, which its setting "
            "`allowed_hosts` names",
        )
