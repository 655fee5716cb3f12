"""The package `deepl` against our routes: texts, usage, languages, over a real socket."""

import asyncio

import deepl
import pytest

from model.tokenizer.prompt import Translation
from tests.support.service.deepl_clients import (
    KEY,
    Results,
    asking,
    deepl_server,
    key_ring,
    translating,
)
from tests.support.service.fakes import FakeBackend


def listed(results: Results) -> list[deepl.TextResult]:
    """Return the results of a list of texts."""
    assert isinstance(results, list)
    return results


async def test_one_text_comes_back_as_one_result() -> None:
    async with asking() as ask:
        result = await ask(translating("Hello"))
    assert isinstance(result, deepl.TextResult)
    assert (result.text, result.detected_source_lang) == ("HELLO", "EN")
    assert (result.billed_characters, result.model_type_used) == (5, None)


async def test_a_list_comes_back_in_order_and_is_what_its_texts_are_alone() -> None:
    texts = [
        "Wie geht es dir heute?",
        "",
        "¿Qué hora es en la ciudad?",
        "Bonjour à tous, mes chers amis.",
    ]
    async with asking() as ask:
        together = listed(await ask(translating(texts, target_lang="EN-GB")))
        alone = [await ask(translating([text], target_lang="EN-GB")) for text in texts]
    assert [result.text for result in together] == [text.upper() for text in texts]
    assert [result.detected_source_lang for result in together] == ["DE", "DE", "ES", "FR"]
    assert [vars(result) for result in together] == [vars(listed(result)[0]) for result in alone]


async def test_the_older_client_gives_the_same() -> None:
    async with deepl_server() as server:

        def ask() -> str:
            translator = deepl.Translator(KEY, server_url=str(server.base_url))
            return str(translator.translate_text("Hello", target_lang="DE"))

        assert await asyncio.to_thread(ask) == "HELLO"


async def test_a_variant_is_translated_to_its_language() -> None:
    backend = FakeBackend()
    targets = {"EN-US": "en", "EN-GB": "en", "en-us": "en", "EN": "en", "es-419": "es", "de": "de"}
    async with deepl_server(backend) as server:
        for target, served in targets.items():
            source = "en" if served != "en" else "de"
            body = {"text": ["Text"], "source_lang": source.upper(), "target_lang": target}
            (found,) = (await server.post("/v2/translate", json=body)).json()["translations"]
            assert found["detected_source_language"] == source.upper()
            assert backend.requests.pop().task == Translation(served, source)


async def test_the_model_type_is_told_where_one_is_asked_for() -> None:
    used = {
        "latency_optimized": "latency_optimized",
        "quality_optimized": "quality_optimized",
        "prefer_quality_optimized": "quality_optimized",
    }
    async with asking() as ask:
        found = [listed(await ask(translating(["Hello"], model_type=asked))) for asked in used]
    assert [result.model_type_used for (result,) in found] == list(used.values())


async def test_options_without_effect_are_taken() -> None:
    async with asking() as ask:
        result = await ask(
            translating(
                "Hello there. You!",
                source_lang="EN",
                context="A greeting.",
                preserve_formatting=True,
                formality=deepl.Formality.PREFER_LESS,
                tag_handling="html",
                tag_handling_version="v2",
                extra_body_parameters={"enable_beta_languages": True, "of_the_future": [1]},
            )
        )
    assert str(result) == "HELLO THERE. YOU!"


@pytest.mark.parametrize(
    ("split", "asked"),
    [
        (None, ["One two three", "four five six.", "Seven."]),
        (deepl.SplitSentences.OFF, ["One two three\nfour five six. Seven."]),
        (deepl.SplitSentences.ALL, ["One two three", "four five six.", "Seven."]),
        (deepl.SplitSentences.NO_NEWLINES, ["One two three four five six.", "Seven."]),
    ],
)
async def test_sentences_are_split_as_the_client_says(
    split: deepl.SplitSentences | None, asked: list[str]
) -> None:
    backend = FakeBackend()
    async with asking(backend) as ask:
        await ask(
            translating(
                "One two three\nfour five six. Seven.",
                source_lang="EN",
                split_sentences=split,
            )
        )
    assert [request.text for request in backend.requests] == asked


async def test_usage_counts_the_characters_of_answered_texts() -> None:
    async with asking(keys=key_ring(characters_per_month=1_000)) as ask:
        before = await ask(lambda client: client.get_usage())
        await ask(translating(["Hello", "you"]))
        with pytest.raises(deepl.DeepLException):
            await ask(translating("Hello", target_lang="XX"))
        after = await ask(lambda client: client.get_usage())
    assert (before.character.count, before.character.limit) == (0, 1_000)
    assert (after.character.count, after.character.limit) == (8, 1_000)
    assert not after.any_limit_reached
    assert str(after) == "Usage this billing period:\nCharacters: 8 of 1000"


async def test_usage_without_a_limit_is_far_from_reaching_it() -> None:
    async with asking() as ask:
        usage = await ask(lambda client: client.get_usage())
    assert usage.character.limit == 10**12
    assert not usage.any_limit_reached


@pytest.mark.parametrize("scheme", ["DeepL-Auth-Key", "deepl-auth-key", "Bearer"])
async def test_a_key_is_taken_under_either_scheme(scheme: str) -> None:
    headers = {"authorization": f"{scheme} {KEY}"}
    async with deepl_server(keys=key_ring()) as server:
        response = await server.get("/v2/usage", headers=headers)
    assert response.status_code == 200


async def test_post_gives_what_get_gives() -> None:
    async with deepl_server() as server:
        for path in ("/v2/usage", "/v2/languages"):
            assert (await server.get(path)).json() == (await server.post(path)).json()
        got = await server.get("/v2/languages", params={"type": "target"})
        for body in ({"data": {"type": "target"}}, {"json": {"type": "target"}}):
            posted = await server.post("/v2/languages", **body)  # type: ignore[arg-type]
            assert posted.json() == got.json()
