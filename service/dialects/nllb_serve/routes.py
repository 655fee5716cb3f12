"""The route of nllb-serve."""

import time
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.access.clients import Client
from service.dialects.dialect import Dialect, Services
from service.dialects.nllb_serve.schemas import TranslateRequest, TranslateResponse
from service.tasks.limits import deadline_of
from service.tasks.records import TranslationRequest
from service.wire.authorization import bearer
from service.wire.bodies import read_fields
from service.wire.error_object import ERROR_RESPONSES, error_body
from service.wire.field_errors import validated
from service.wire.middleware import request_id_of, time_headers
from service.wire.openapi import FORM, JSON, MULTIPART, body_of, query_of

Translating = Annotated[Client, Depends(bearer("translate"))]

_SECRET = frozenset({"source"})


class NllbServeRoutes:
    """The handler turns a body into a record, has it answered, and renders the answer."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def dialect(self) -> Dialect:
        """Return the dialect."""
        router = APIRouter(prefix="/nllb", tags=["nllb-serve"])
        add = partial(
            router.add_api_route,
            "/translate",
            self.translate,
            response_model=TranslateResponse,
            responses=ERROR_RESPONSES,
        )
        add(methods=["GET"], openapi_extra=query_of(TranslateRequest))
        kinds = (JSON, FORM, MULTIPART)
        add(methods=["POST"], openapi_extra=body_of(TranslateRequest, kinds=kinds))
        return Dialect(
            prefixes=("/nllb",),
            router=router,
            error_body=error_body,
            field_names={"text": "source", "source_lang": "src_lang", "target_lang": "tgt_lang"},
            statuses={422: 400},
        )

    async def translate(self, request: Request, client: Translating) -> Response:
        """Translate one text or a list."""
        begin_s = time.perf_counter()
        body = validated(TranslateRequest, await read_fields(request), secret=_SECRET)
        record = TranslationRequest(
            request_id=request_id_of(request.scope),
            text=tuple(body.source),
            deadline=deadline_of(None, self._services.settings),
            source_lang=body.src_lang or None,
            target_lang=body.tgt_lang,
        )
        answer = await self._services.tasks.translate(record, client)
        found = TranslateResponse(
            translation=[item.text for item in answer.items],
            source=body.source,
            src_lang=body.src_lang or answer.items[0].source_lang or "",
            tgt_lang=body.tgt_lang,
            time_taken=round(time.perf_counter() - begin_s, 3),
            time_units="s",
        )
        return Response(
            found.model_dump_json(),
            media_type="application/json",
            headers=time_headers(answer.usage),
        )
