"""The route of nllb-api."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.access.clients import Client
from service.dialects.dialect import Dialect, Services
from service.dialects.nllb_api.schemas import TranslatorRequest, TranslatorResponse
from service.tasks.limits import deadline_of
from service.tasks.records import TranslationRequest
from service.wire.authorization import bearer
from service.wire.bodies import read_fields
from service.wire.error_object import ERROR_RESPONSES, error_body
from service.wire.field_errors import validated
from service.wire.middleware import request_id_of, time_headers
from service.wire.openapi import FORM, JSON, MULTIPART, body_of, query_of

Translating = Annotated[Client, Depends(bearer("translate"))]

_SECRET = frozenset({"text"})


class NllbApiRoutes:
    """The handler turns a body into a record, has it answered, and renders the answer."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def dialect(self) -> Dialect:
        """Return the dialect."""
        router = APIRouter(prefix="/nllb", tags=["nllb-api"])
        add = partial(
            router.add_api_route,
            "/translator",
            self.translator,
            response_model=TranslatorResponse,
            responses=ERROR_RESPONSES,
        )
        add(methods=["GET"], openapi_extra=query_of(TranslatorRequest))
        kinds = (JSON, FORM, MULTIPART)
        add(methods=["POST"], openapi_extra=body_of(TranslatorRequest, kinds=kinds))
        return Dialect(
            prefixes=("/nllb/translator",),
            router=router,
            error_body=error_body,
            field_names={"source_lang": "source", "target_lang": "target"},
            statuses={422: 400},
        )

    async def translator(self, request: Request, client: Translating) -> Response:
        """Translate one text."""
        body = validated(TranslatorRequest, await read_fields(request), secret=_SECRET)
        record = TranslationRequest(
            request_id=request_id_of(request.scope),
            text=(body.text,),
            deadline=deadline_of(None, self._services.settings),
            source_lang=body.source,
            target_lang=body.target,
        )
        answer = await self._services.tasks.translate(record, client)
        found = TranslatorResponse(result=answer.items[0].text)
        return Response(
            found.model_dump_json(),
            media_type="application/json",
            headers=time_headers(answer.usage),
        )
