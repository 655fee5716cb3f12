"""Which stand-ins a model is found to copy."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

import pytest

from model.engine.params import FinishReason
from model.tokenizer.prompt import Translation
from service.backend import Event, FinishedEvent, GenerateRequest, ModelInfo, Output
from service.hosting.stand_in_trials import FORMS, MAX_PAIRS, UNTRIED
from service.hosting.stand_ins import find_stand_ins
from service.pairs import Pairs
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR

MANY = tuple(f"{a}{b}" for a in "abcdefgh" for b in "aeiouy")


class Translator:
    """A translator that writes `change(text)`, and keeps what it was asked."""

    def __init__(self, change: Callable[[str], str]) -> None:
        self.requests: list[GenerateRequest] = []
        self.most_waiting = 0
        self._num_waiting = 0
        self._change = change

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        self.requests.append(request)
        self._num_waiting += 1
        self.most_waiting = max(self.most_waiting, self._num_waiting)
        await asyncio.sleep(0)
        self._num_waiting -= 1
        yield FinishedEvent(
            outputs=(Output(self._change(request.text), (), 0.0),),
            finish_reason=FinishReason.STOP,
            input_tokens=1,
            output_tokens=1,
            truncated=False,
            queue_s=0.0,
            inference_s=0.0,
        )

    def stand_ins(self, info: ModelInfo = TRANSLATOR) -> tuple[str, ...]:
        return asyncio.run(find_stand_ins(info, self.generate))


def without(*unknown: str) -> Callable[[str], str]:
    """Return a change that loses these strings."""

    def change(text: str) -> str:
        for name in unknown:
            text = text.replace(name, "")
        return text

    return change


@pytest.mark.parametrize("form", FORMS)
def test_no_name_of_a_form_is_in_another(form: tuple[str, ...]) -> None:
    assert not [(a, b) for a in form for b in form if a != b and a in b]


def test_a_model_that_copies_the_first_form_is_asked_no_more() -> None:
    translator = Translator(str)
    assert sorted(translator.stand_ins()) == sorted(FORMS[0])
    assert all(any(name in r.text for name in FORMS[0]) for r in translator.requests)


def test_a_form_that_does_not_come_through_is_followed_by_the_next() -> None:
    assert set(Translator(without("X")).stand_ins()) == set(FORMS[2])


def test_a_name_that_is_lost_is_left_out() -> None:
    found = Translator(without(FORMS[0][0])).stand_ins()
    assert set(found) == set(FORMS[0][1:])


def test_a_name_that_comes_twice_did_not_come_through() -> None:
    assert Translator(lambda text: text + text).stand_ins() == ()


def test_a_model_that_copies_nothing_has_none() -> None:
    assert Translator(lambda _: "").stand_ins() == ()


def test_a_summarizer_is_not_asked() -> None:
    translator = Translator(str)
    assert translator.stand_ins(SUMMARIZER) == ()
    assert not translator.requests


def test_a_model_of_languages_without_sentences_gets_the_usual_ones() -> None:
    info = replace(TRANSLATOR, pairs=Pairs.of([("xh", "zu")]))
    assert Translator(str).stand_ins(info) == UNTRIED


def test_a_model_of_many_pairs_is_tried_in_a_few_of_those_that_have_sentences() -> None:
    translator = Translator(str)
    codes = (*MANY, "eng_Latn", "deu_Latn", "fra_Latn")
    translator.stand_ins(replace(TRANSLATOR, pairs=Pairs.between(codes, codes)))
    tried = {request.task for request in translator.requests}
    assert 3 <= len(tried) <= MAX_PAIRS
    assert Translation("deu_Latn", "eng_Latn") in tried


def test_the_same_is_tried_each_time() -> None:
    first, again = Translator(str), Translator(str)
    assert first.stand_ins() == again.stand_ins()
    assert [r.text for r in first.requests] == [r.text for r in again.requests]


def test_no_more_is_asked_at_once_than_may_wait() -> None:
    translator = Translator(str)
    assert translator.stand_ins(replace(TRANSLATOR, max_waiting=2)) != ()
    assert translator.most_waiting == 2
