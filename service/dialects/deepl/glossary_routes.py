"""The routes of DeepL for glossaries: `/v2`, which knows one pair a glossary, and `/v3`."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from service.access.clients import Client
from service.dialects.deepl.authorization import key_holder
from service.dialects.deepl.glossary_answers import (
    dictionary_body,
    glossary_body,
    multilingual_body,
    supported_pairs,
)
from service.dialects.deepl.glossary_entries import as_tsv
from service.dialects.deepl.glossary_languages import glossary_pairs
from service.dialects.deepl.glossary_requests import dictionaries_of, dictionary_of, pair_of
from service.dialects.deepl.glossary_schemas import (
    DictionaryEntries,
    DictionarySize,
    Entries,
    Glossaries,
    Glossary,
    GlossaryEdit,
    LanguagePair,
    MultilingualGlossaries,
    MultilingualGlossary,
    NewGlossary,
    NewMultilingualGlossary,
    SupportedPairs,
)
from service.dialects.deepl.openapi import body_of
from service.dialects.dialect import Services
from service.errors import GlossaryNotFoundError, InvalidFieldError
from service.tasks.glossary_documents import Dictionary, StoredGlossary
from service.wire.authorization import AppState
from service.wire.bodies import read_fields
from service.wire.field_errors import validated

_TSV = "text/tab-separated-values"
_TSV_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"content": {_TSV: {"example": "Hello\tGuten Tag"}}, "description": "A line an entry."}
}
_REF = "#/components/schemas/{model}"  # `DictionaryEntries` is there, as an answer holds it
_SECRET = frozenset({"entries"})


async def _counted(
    request: Request, client: Annotated[Client, Depends(key_holder("translate"))]
) -> Client:
    """Return the client by its key, with a request counted of those that it may send a minute."""
    state: AppState = request.app.state
    await state.access.charge(client, num_characters=0)
    return client


Translating = Annotated[Client, Depends(_counted)]
Asked = Annotated[LanguagePair, Query()]


class GlossaryRoutes:
    """The handlers. To a client, the glossary of another is none at all."""

    def __init__(self, services: Services) -> None:
        self._stored = services.stored_glossaries
        self._registry = services.registry

    def router(self) -> APIRouter:
        """Return the routes of both versions."""
        router = APIRouter()
        router.add_api_route(
            "/v2/glossary-language-pairs", self.pairs, response_model=SupportedPairs
        )
        self._add_v2(router, "/v2/glossaries")
        self._add_v3(router, "/v3/glossaries")
        return router

    def _add_v2(self, router: APIRouter, path: str) -> None:
        add, one = router.add_api_route, f"{path}/{{glossary_id}}"
        new = body_of(NewGlossary, required=True)
        add(path, self.create, methods=["POST"], status_code=201, openapi_extra=new)
        add(path, self.glossaries, response_model=Glossaries)
        add(one, self.glossary)
        add(one, self.delete, methods=["DELETE"], status_code=204)
        add(f"{one}/entries", self.entries, response_class=Response, responses=_TSV_ANSWER)

    def _add_v3(self, router: APIRouter, path: str) -> None:
        add, one = router.add_api_route, f"{path}/{{glossary_id}}"
        new, edit = _json_body(NewMultilingualGlossary), _json_body(GlossaryEdit)
        put = partial(add, methods=["PUT"], openapi_extra=_json_body(DictionaryEntries))
        remove = partial(add, methods=["DELETE"], status_code=204)
        add(path, self.create_multilingual, methods=["POST"], status_code=201, openapi_extra=new)
        add(path, self.multilingual_glossaries, response_model=MultilingualGlossaries)
        add(one, self.multilingual_glossary)
        add(one, self.edit, methods=["PATCH"], openapi_extra=edit)
        remove(one, self.delete_multilingual)
        add(f"{one}/entries", self.dictionary_entries)
        put(f"{one}/dictionaries", self.replace_dictionary)
        remove(f"{one}/dictionaries", self.delete_dictionary)

    async def pairs(self, _: Translating) -> Response:
        """List the language pairs that a glossary may be for."""
        return await _in_thread(lambda: supported_pairs(glossary_pairs(self._registry)))

    async def create(self, request: Request, client: Translating) -> Glossary:
        """Make a glossary for one pair of languages."""
        body = validated(NewGlossary, await read_fields(request), secret=_SECRET)
        pair, entries = await asyncio.to_thread(dictionary_of, self._registry, body)
        stored = await self._stored.create(client.id, body.name, {pair: entries})
        return glossary_body(stored, stored.dictionary(pair))

    async def glossaries(self, client: Translating) -> Response:
        """List the glossaries that have one pair."""
        found = [each for each in await self._stored.all_of(client.id) if _has_one(each)]
        return await _in_thread(
            lambda: Glossaries(glossaries=[glossary_body(each, _only(each)) for each in found])
        )

    async def glossary(self, glossary_id: str, client: Translating) -> Glossary:
        """Tell about a glossary that has one pair."""
        stored = await self._stored.get(client.id, glossary_id)
        return glossary_body(stored, _only(stored))

    async def entries(self, glossary_id: str, client: Translating) -> Response:
        """Return the entries of a glossary that has one pair."""
        pair = _only(await self._stored.get(client.id, glossary_id)).pair
        entries = await self._stored.entries(client.id, glossary_id, pair)
        return Response(as_tsv(entries), media_type=_TSV)

    async def delete(self, glossary_id: str, client: Translating) -> None:
        """Delete a glossary that has one pair."""
        _only(await self._stored.get(client.id, glossary_id))
        await self._stored.delete(client.id, glossary_id)

    async def create_multilingual(
        self, request: Request, client: Translating
    ) -> MultilingualGlossary:
        """Make a glossary with a dictionary for each of some pairs."""
        body = validated(NewMultilingualGlossary, await read_fields(request), secret=_SECRET)
        found = await asyncio.to_thread(dictionaries_of, self._registry, body.dictionaries)
        return multilingual_body(await self._stored.create(client.id, body.name, found))

    async def multilingual_glossaries(self, client: Translating) -> Response:
        """List the glossaries."""
        found = await self._stored.all_of(client.id)
        return await _in_thread(
            lambda: MultilingualGlossaries(glossaries=list(map(multilingual_body, found)))
        )

    async def multilingual_glossary(
        self, glossary_id: str, client: Translating
    ) -> MultilingualGlossary:
        """Tell about a glossary."""
        return multilingual_body(await self._stored.get(client.id, glossary_id))

    async def edit(
        self, glossary_id: str, request: Request, client: Translating
    ) -> MultilingualGlossary:
        """Rename a glossary, or add entries; a term that is there gets its new translation."""
        body = validated(GlossaryEdit, await read_fields(request), secret=_SECRET)
        if body.name is None and not body.dictionaries:
            raise InvalidFieldError("name", "is required, or `dictionaries`")
        added = await asyncio.to_thread(dictionaries_of, self._registry, body.dictionaries)
        stored = await self._stored.merge(client.id, glossary_id, name=body.name, added=added)
        return multilingual_body(stored)

    async def delete_multilingual(self, glossary_id: str, client: Translating) -> None:
        """Delete a glossary."""
        await self._stored.delete(client.id, glossary_id)

    async def dictionary_entries(
        self, glossary_id: str, asked: Asked, client: Translating
    ) -> Entries:
        """Return the entries of one dictionary."""
        pair = pair_of(asked)
        entries = as_tsv(await self._stored.entries(client.id, glossary_id, pair))
        dictionary = DictionaryEntries(source_lang=pair[0], target_lang=pair[1], entries=entries)
        return Entries(dictionaries=[dictionary])

    async def replace_dictionary(
        self, glossary_id: str, request: Request, client: Translating
    ) -> DictionarySize:
        """Give a glossary a dictionary, in place of the earlier one of that pair."""
        body = validated(DictionaryEntries, await read_fields(request), secret=_SECRET)
        pair, entries = await asyncio.to_thread(dictionary_of, self._registry, body)
        stored = await self._stored.replace(client.id, glossary_id, pair, entries)
        return dictionary_body(stored.dictionary(pair))

    async def delete_dictionary(self, glossary_id: str, asked: Asked, client: Translating) -> None:
        """Delete one dictionary of a glossary."""
        await self._stored.remove(client.id, glossary_id, pair_of(asked))


async def _in_thread(make: Callable[[], BaseModel]) -> Response:
    """Return a body that may be of megabytes: it is made and written outside the event loop."""
    content = await asyncio.to_thread(lambda: make().model_dump_json())
    return Response(content, media_type="application/json")


def _has_one(stored: StoredGlossary) -> bool:
    return len(stored.dictionaries) == 1


def _only(stored: StoredGlossary) -> Dictionary:
    """Return the only dictionary of a glossary.

    Raises:
        GlossaryNotFoundError: It has another number of them; `/v2` has no words for that.
    """
    if not _has_one(stored):
        raise GlossaryNotFoundError(stored.id)
    return stored.dictionaries[0]


def _json_body(schema: type[BaseModel]) -> dict[str, Any]:
    described = schema.model_json_schema(ref_template=_REF)
    described.pop("$defs", None)
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": described}}}
    }
