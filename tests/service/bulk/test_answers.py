import pytest

from service.backend import ParamOverrides
from service.bulk.answers import BulkOptions, BulkSummarizer, BulkTranslator, unlimited
from service.errors import UnsupportedPairError
from service.settings import Settings
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR, FakeBackend


def translator(
    backend: FakeBackend, *, source: str | None = "en", is_split: bool = True, num_beams: int = 1
) -> BulkTranslator:
    options = BulkOptions(overrides=ParamOverrides(num_beams=num_beams), verbatim=not is_split)
    return BulkTranslator(
        backend, unlimited(Settings()), options=options, target="de", source=source
    )


def summarizer(backend: FakeBackend, *, is_split: bool = True) -> BulkSummarizer:
    options = BulkOptions(verbatim=not is_split)
    return BulkSummarizer(backend, unlimited(Settings()), options=options, style="tldr")


async def test_a_text_is_split_at_sentence_ends_and_its_token_ids_are_those_of_all() -> None:
    backend = FakeBackend()
    answer = await translator(backend)("One thing. Another thing.")
    assert answer.text == "ONE THING. ANOTHER THING."
    assert [request.text for request in backend.requests] == ["One thing.", "Another thing."]
    whole = [*await ids_of("One thing."), *await ids_of("Another thing.")]
    assert list(answer.output_ids) == whole


async def ids_of(text: str) -> tuple[int, ...]:
    return (await translator(FakeBackend(), is_split=False)(text)).output_ids


@pytest.mark.parametrize("text", ["", " \t", "123", "🙂", "https://example.com/"])
async def test_a_text_without_words_is_its_own_answer_and_no_model_is_asked(text: str) -> None:
    backend = FakeBackend(served=[TRANSLATOR, SUMMARIZER])
    for answerer in (translator(backend), summarizer(backend)):
        answer = await answerer(text)
        assert (answer.text, answer.score, answer.output_ids) == (text, None, ())
    assert backend.requests == []


@pytest.mark.parametrize("text", ["One thing. Another thing.", "  123 ", ""])
async def test_unsplit_a_text_reaches_the_model_as_it_is(text: str) -> None:
    backend = FakeBackend()
    answer = await translator(backend, is_split=False)(text)
    assert [request.text for request in backend.requests] == [text]
    assert answer.model == TRANSLATOR.name
    assert answer.source_lang == "en"


async def test_the_language_is_found_where_none_is_named() -> None:
    answer = await translator(FakeBackend(), source=None)("Where is the train station?")
    assert answer.source_lang == "en"


async def test_the_texts_before_tell_the_language_of_a_word() -> None:
    options = BulkOptions()
    words = BulkTranslator(
        FakeBackend(), unlimited(Settings()), options=options, target="en", source=None
    )
    assert (await words("Radio")).source_lang != "de"
    await words("Der Hund schläft heute sehr lange.")
    assert (await words("Radio")).source_lang == "de"


async def test_the_options_reach_the_model() -> None:
    backend = FakeBackend()
    await translator(backend, num_beams=3)("One thing.")
    (request,) = backend.requests
    assert request.overrides == ParamOverrides(num_beams=3)
    assert request.return_scores


async def test_a_text_longer_than_the_api_takes_is_no_trouble_here() -> None:
    text = " ".join(["A sentence of words."] * 4_000)
    answer = await translator(FakeBackend())(text)
    assert answer.text == text.upper()


async def test_a_pair_that_no_model_has_is_an_error() -> None:
    with pytest.raises(UnsupportedPairError):
        await translator(FakeBackend(), source="fr")("Bonjour tout le monde.")


async def test_a_summary_has_the_token_ids_of_its_last_step_alone() -> None:
    backend = FakeBackend(served=[SUMMARIZER])
    long = await summarizer(backend)("Nothing that the model could read at once. " * 20)
    assert len(backend.requests) > 1
    short = await summarizer(FakeBackend(served=[SUMMARIZER]))(backend.requests[-1].text)
    assert long.text.strip() == short.text
    assert long.output_ids == short.output_ids
    assert long.source_lang is None


async def test_a_text_may_be_summarized_as_it_is() -> None:
    backend = FakeBackend(served=[SUMMARIZER])
    answer = await summarizer(backend, is_split=False)(" a few words, four or more")
    assert [request.text for request in backend.requests] == [" a few words, four or more"]
    assert answer.text == "a few words,"
