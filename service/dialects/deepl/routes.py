"""The routes of DeepL: translate, usage, languages."""

from functools import partial
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.access.clients import Client
from service.dialects.deepl.answers import translations, usage
from service.dialects.deepl.authorization import key_holder
from service.dialects.deepl.errors import QUOTA_EXCEEDED, STATUSES, invalid_body
from service.dialects.deepl.glossary_choice import glossary_of
from service.dialects.deepl.glossary_routes import GlossaryRoutes
from service.dialects.deepl.languages import (
    resource_languages,
    source_languages,
    target_languages,
)
from service.dialects.deepl.openapi import body_of
from service.dialects.deepl.requests import glossary_ids_of, translate_body, translation_request
from service.dialects.deepl.schemas import (
    DeepLLanguage,
    DeepLSourceLanguage,
    DeepLTargetLanguage,
    DeepLTranslations,
    DeepLUsage,
    LanguagesRequest,
    Resource,
    TranslateRequest,
)
from service.dialects.dialect import Dialect, Services
from service.errors import NotOfferedError
from service.wire.bodies import read_fields
from service.wire.error_object import ERROR_RESPONSES, described, error_body
from service.wire.field_errors import validated
from service.wire.middleware import request_id_of
from service.wire.openapi import query_of

_ERRORS: dict[int | str, dict[str, Any]] = {
    **ERROR_RESPONSES,
    QUOTA_EXCEEDED: described("The client's characters of the month are used up."),
}

Translating = Annotated[Client, Depends(key_holder("translate"))]
Knowing = Annotated[Client, Depends(key_holder())]
Listed = list[DeepLTargetLanguage] | list[DeepLSourceLanguage]


class DeepLRoutes:
    """The handlers; each turns a body into a record, has it answered, and renders the answer."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._registry = services.registry

    def dialect(self) -> Dialect:
        """Return the dialect."""
        router = APIRouter(tags=["DeepL"], responses=_ERRORS)
        router.add_api_route(
            "/v2/translate",
            self.translate,
            methods=["POST"],
            response_model=DeepLTranslations,
            openapi_extra=body_of(TranslateRequest, required=True),
        )
        for method in ("GET", "POST"):  # apart, as each needs an operation of its own
            add = partial(router.add_api_route, methods=[method])
            add("/v2/usage", self.usage)
            add("/v2/languages", self.languages, openapi_extra=_languages_extra(method))
        router.add_api_route("/v3/languages", self.resource_languages)
        router.include_router(GlossaryRoutes(self._services).router())
        hidden = partial(
            router.add_api_route,
            methods=["GET", "POST", "DELETE"],
            response_model=None,
            include_in_schema=False,
        )
        hidden("/v2/document{_:path}", self.no_documents)
        hidden("/v2/write{_:path}", self.no_rephrasing)
        hidden("/v2/rephrase", self.no_rephrasing)
        return Dialect(
            prefixes=(
                "/v2/translate",
                "/v2/usage",
                "/v2/languages",
                "/v2/glossar",
                "/v2/document",
                "/v2/write",
                "/v2/rephrase",
                "/v3",
            ),
            router=router,
            error_body=error_body,
            invalid_body=invalid_body,
            field_names={"glossary": "glossary_id"},
            statuses=STATUSES,
        )

    async def translate(self, request: Request, client: Translating) -> Response:
        """Translate up to 50 texts, plain or with tags."""
        body = translate_body(await read_fields(request))
        glossary = glossary_of(
            self._services, client, glossary_ids_of(body), body.source_lang or "", body.target_lang
        )
        record = translation_request(
            body,
            request_id=request_id_of(request.scope),
            settings=self._services.settings,
        )
        answer = await self._services.tasks.translate(record, client, glossary=glossary)
        return Response(
            translations(answer, body).model_dump_json(exclude_unset=True),
            media_type="application/json",
        )

    async def usage(self, client: Knowing) -> DeepLUsage:
        """Tell how many characters the key used in this month, and how many it may."""
        return usage(await self._services.access.report(client))

    async def languages(self, request: Request, _: Knowing) -> Listed:
        """List the languages that texts may be in, or that they are translated to."""
        body = validated(LanguagesRequest, await read_fields(request))
        if body.type == "target":
            return target_languages(self._registry)
        return source_languages(self._registry)

    async def resource_languages(self, resource: Resource, _: Knowing) -> list[DeepLLanguage]:
        """List the languages that a resource takes, each with its features."""
        return resource_languages(self._registry, resource)

    async def no_documents(self, _: Knowing) -> NoReturn:
        """Refuse to translate a document."""
        raise NotOfferedError("documents are not offered by this service; send their texts")

    async def no_rephrasing(self, _: Knowing) -> NoReturn:
        """Refuse to improve a text."""
        raise NotOfferedError("improving a text in its own language is not offered by this service")


def _languages_extra(method: str) -> dict[str, Any]:
    """Return where `type` may stand: in the body of a POST, else in the query string."""
    if method == "POST":
        return body_of(LanguagesRequest, required=False)
    return query_of(LanguagesRequest)
