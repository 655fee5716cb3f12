"""Which requests a model answers before its first client's."""

from dataclasses import replace

import pytest

from model.tokenizer.prompt import Summarization, Translation
from service.backend import ModelInfo
from service.hosting.warm_up import rounds
from service.pairs import Pairs
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR

BEAMS = replace(TRANSLATOR, default_num_beams=4)


def test_each_text_is_read_by_itself_and_all_together_greedily_and_with_the_model_s_beams() -> None:
    texts = ("One.", "And two.")
    found = [
        ([request.text for request in together], together[0].overrides.num_beams)
        for together in rounds(BEAMS, texts)
    ]
    groups = [["One."], ["And two."], ["One.", "And two."]]
    assert found == [(group, beams) for beams in (1, 4) for group in groups]


def test_a_greedy_model_needs_no_second_time() -> None:
    assert [len(together) for together in rounds(TRANSLATOR, ["One."])] == [1]


def test_without_sentences_there_are_some_of_usual_sizes() -> None:
    lengths = [len(request.text) for together in rounds(TRANSLATOR) for request in together]
    assert min(lengths) < 10
    assert max(lengths) > 200


@pytest.mark.parametrize(
    ("model", "task"),
    [
        (replace(TRANSLATOR, pairs=Pairs.of([("fr", "de")])), Translation("de", "fr")),
        (SUMMARIZER, Summarization("headline")),
        (replace(SUMMARIZER, styles=()), Summarization()),
    ],
    ids=["translation", "style", "summarization"],
)
def test_the_model_does_what_it_is_offered_for_first(model: ModelInfo, task: object) -> None:
    assert {request.task for together in rounds(model) for request in together} == {task}
