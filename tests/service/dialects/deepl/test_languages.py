"""The languages that are listed are those that are served, by every listing alike."""

from dataclasses import replace

from service.pairs import Pairs
from tests.support.service.clients import Json, client_of
from tests.support.service.deepl_clients import asking, translating
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR, FakeBackend

ONE_WAY = replace(
    TRANSLATOR,
    pairs=Pairs.of([("en", "pt"), ("en", "zh-Hans"), ("de", "en"), ("ru", "en-GB")]),
)


def listed(backend: FakeBackend, resource: str) -> dict[str, Json]:
    """Return the languages of a resource of `/v3/languages` by their codes."""
    response = client_of(backend).get("/v3/languages", params={"resource": resource})
    assert response.status_code == 200, response.text
    return {each["lang"]: each for each in response.json()}


async def test_every_listed_language_is_translated_from_or_to() -> None:
    async with asking(FakeBackend(served=(ONE_WAY,))) as ask:
        sources = await ask(lambda client: client.get_source_languages())
        targets = await ask(lambda client: client.get_target_languages())
        for source, target in [("EN", "PT-BR"), ("EN", "ZH-HANS"), ("DE", "EN-US")]:
            assert source in {each.code for each in sources}
            assert target in {each.code for each in targets}
            await ask(translating(source_lang=source, target_lang=target))
    assert [each.code for each in sources] == ["EN", "DE", "RU"]
    codes = ["EN", "EN-US", "EN-GB", "PT", "PT-BR", "PT-PT", "ZH-HANS"]
    assert [each.code for each in targets] == codes
    assert {each.supports_formality for each in targets} == {False}
    names = {each.code: each.name for each in targets}
    assert names["PT-BR"] == "Portuguese (Brazil)"


def test_both_versions_list_the_same_languages() -> None:
    backend = FakeBackend(served=(ONE_WAY,))
    client = client_of(backend)
    languages = listed(backend, "translate_text")
    for kind in ("source", "target"):
        older = client.get("/v2/languages", params={"type": kind}).json()
        newer = [each for each in languages.values() if each[f"usable_as_{kind}"]]
        assert {each["language"] for each in older} == {each["lang"].upper() for each in newer}


def test_a_language_of_the_newer_listing_tells_its_features() -> None:
    languages = listed(FakeBackend(served=(ONE_WAY,)), "translate_text")
    assert languages["zh-Hans"] == {
        "lang": "zh-Hans",
        "name": "Chinese (Simplified)",
        "status": "stable",
        "usable_as_source": False,
        "usable_as_target": True,
        "features": {"tag_handling": {"status": "stable"}, "glossary": {"status": "stable"}},
    }
    assert "auto_detection" in languages["ru"]["features"]
    assert not any("formality" in each["features"] for each in languages.values())


def test_glossaries_are_for_languages_without_variants() -> None:
    languages = listed(FakeBackend(served=(ONE_WAY,)), "glossary")
    assert set(languages) == {"en", "de", "ru", "pt", "zh-Hans", "en-GB"}
    assert [each["features"] for each in languages.values()] == [{}] * 6


def test_no_language_has_documents() -> None:
    assert listed(FakeBackend(), "translate_document") == {}


def test_a_resource_that_is_not_offered_is_refused_by_name() -> None:
    client = client_of()
    for resource in ("voice", "style_rules", "", "a" * 9_000):
        response = client.get("/v3/languages", params={"resource": resource})
        assert response.status_code == 400
        assert response.json()["message"].startswith("`resource` is ")
    response = client.get("/v3/languages", params={"product": "translate_text"})
    assert (response.status_code, response.json()["message"]) == (400, "`resource` is required")


def test_improving_texts_is_a_resource_that_is_not_found() -> None:
    response = client_of().get("/v3/languages", params={"resource": "write"})
    assert response.status_code == 404
    assert response.json()["message"].startswith("`resource` is 'write', which is not offered")


def test_a_kind_of_listing_that_does_not_exist_is_refused() -> None:
    response = client_of().get("/v2/languages", params={"type": "both"})
    assert response.status_code == 400
    assert response.json()["message"] == "`type` is 'both'; it must be 'source' or 'target'"


def test_a_service_without_translation_lists_nothing() -> None:
    backend = FakeBackend(served=(SUMMARIZER,))
    client = client_of(backend)
    assert client.get("/v2/languages").json() == []
    assert client.get("/v2/languages?type=target").json() == []
    assert listed(backend, "translate_text") == {}
