"""The routes of LibreTranslate."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NoReturn

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi

from service.access.clients import Client
from service.dialects.dialect import Dialect, Services
from service.dialects.libretranslate.answers import (
    detect_answer,
    languages_answer,
    settings_answer,
    translate_answer,
)
from service.dialects.libretranslate.codes import LanguageCodes
from service.dialects.libretranslate.errors import STATUSES, KeyRefusedError, error_body
from service.dialects.libretranslate.requests import SECRET, read, translation_request
from service.dialects.libretranslate.schemas import (
    DetectedLanguage,
    DetectFields,
    FrontendSettings,
    KeyFields,
    Language,
    TranslateAnswer,
    TranslateFields,
)
from service.errors import NotOfferedError, UnauthorizedError
from service.wire.authorization import key_in
from service.wire.bodies import read_fields
from service.wire.error_object import ERROR_RESPONSES, ErrorObject
from service.wire.field_errors import validated
from service.wire.middleware import request_id_of
from service.wire.openapi import FORM, JSON, MULTIPART, body_of

_KINDS = (JSON, FORM, MULTIPART)
_NAME_IN_PATH = {
    "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
}


class LibreTranslateRoutes:
    """The handlers; each turns a body into a record, has it answered, and renders the answer."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tasks = services.tasks
        self._settings = services.settings
        self._registry = services.registry
        self._codes = LanguageCodes(services.registry)
        self._router = APIRouter(tags=["LibreTranslate"])
        self._document: dict[str, Any] | None = None

    def dialect(self) -> Dialect:
        """Return the dialect."""
        self._add_routes()
        return Dialect(
            prefixes=(
                "/translate",
                "/detect",
                "/languages",
                "/frontend",
                "/spec",
                "/suggest",
                "/translate_file",
                "/download_file",
            ),
            router=self._router,
            error_body=error_body,
            field_names={"text": "q", "source_lang": "source", "target_lang": "target"},
            statuses=STATUSES,
        )

    def _add_routes(self) -> None:
        add = partial(self._router.add_api_route, responses=ERROR_RESPONSES)
        add(
            "/translate",
            self.translate,
            methods=["POST"],
            response_model_exclude_unset=True,
            openapi_extra=body_of(TranslateFields, kinds=_KINDS),
        )
        add(
            "/detect",
            self.detect,
            methods=["POST"],
            openapi_extra=body_of(DetectFields, kinds=_KINDS),
        )
        add("/languages", self.languages)
        add("/languages", self.languages, methods=["POST"])  # so does Argos Translate ask
        add("/frontend/settings", self.frontend_settings)
        add("/spec", self.spec)
        off = partial(
            add, status_code=403, response_model=ErrorObject, response_description="Switched off."
        )
        off("/suggest", self.suggest, methods=["POST"])
        off("/translate_file", self.translate_file, methods=["POST"])
        off("/download_file/{name}", self.download_file, openapi_extra=_NAME_IN_PATH)

    async def translate(self, request: Request) -> TranslateAnswer:
        """Translate one text or a list; the fields may be in the query, too."""
        fields, client = await self._admit(request)
        body = read(TranslateFields, fields, settings=self._settings, is_form=_is_form(request))
        record = translation_request(
            body,
            request_id=request_id_of(request.scope),
            settings=self._settings,
            registry=self._registry,
            codes=self._codes,
        )
        # An empty list is answered by an empty list; no task takes it.
        answer = await self._tasks.translate(record, client) if record.text else None
        return translate_answer(
            () if answer is None else answer.items,
            record,
            is_list=isinstance(fields["q"], list),
            codes=self._codes,
            detector=self._services.detector,
        )

    async def detect(self, request: Request) -> list[DetectedLanguage]:
        """Name the languages that a text may be in, the likeliest first."""
        fields, client = await self._admit(request)
        body = read(DetectFields, fields, settings=self._settings, is_form=_is_form(request))
        (detection,) = await self._tasks.detect(("\n".join(body.q),), client)
        return detect_answer(detection, self._codes)

    async def languages(self) -> list[Language]:
        """List the languages, each with those that it can be translated to; needs no key."""
        return languages_answer(self._registry, self._codes)

    async def frontend_settings(self) -> FrontendSettings:
        """Tell the settings of a form for translations; needs no key."""
        return settings_answer(
            self._settings, self._registry, self._codes, needs_key=self._needs_key()
        )

    async def spec(self, request: Request) -> dict[str, Any]:
        """Describe these routes as an OpenAPI document; needs no key."""
        if self._document is None:
            self._document = get_openapi(
                title="LibreTranslate", version=request.app.version, routes=self._router.routes
            )
        return self._document

    async def suggest(self) -> NoReturn:
        """Refuse a suggestion."""
        raise NotOfferedError("Suggestions are disabled on this server.")

    async def translate_file(self) -> NoReturn:
        """Refuse a file; `/v1/documents` takes files."""
        raise NotOfferedError("Files translation are disabled on this server.")

    async def download_file(self) -> NoReturn:
        """Refuse to send a translated file: there is none."""
        raise NotOfferedError("Files translation are disabled on this server.")

    async def _admit(self, request: Request) -> tuple[Mapping[str, Any], Client]:
        """Return the fields of a request, and the client by the key among them or in the header."""
        fields = await read_fields(request)
        key = validated(KeyFields, fields, secret=SECRET).api_key or key_in(request.headers)
        try:
            client = await self._services.access.admit(key, "translate")
        except UnauthorizedError as error:
            raise KeyRefusedError(has_key=error.has_key) from None
        return fields, client

    def _needs_key(self) -> bool:
        try:
            self._services.access.authorize(None)
        except UnauthorizedError:
            return True
        return False


def _is_form(request: Request) -> bool:
    return "json" not in request.headers.get("content-type", "").lower()
