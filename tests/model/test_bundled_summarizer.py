"""Quality of the bundled summarizer, as users notice it first.

The texts and their names are invented, so none was in its training.
"""

import re
from statistics import fmean

import pytest

from loadtests.corpus import ABSTRACTS
from model.engine.params import GenerationParams
from model.load import BUNDLED, LoadedModel, load_model
from model.tokenizer.prompt import Summarization
from model.training.decoding import decode_all
from model.training.summarization.evaluation import faithfulness

STYLES = ("tldr", "headline")
LEAST_FAITHFUL = 0.6  # of the content words of all summaries: those that their texts have, too


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_model(BUNDLED / "summarize", dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def summaries(model: LoadedModel) -> dict[str, list[str]]:
    """Return a summary of each text in each style, by the service's search."""
    return {style: summarize(model, style) for style in STYLES}


def summarize(model: LoadedModel, style: str, **changes: object) -> list[str]:
    params = GenerationParams(**{**model.generation, "max_repeats": 3, **changes})
    return decode_all(model, ABSTRACTS, task=Summarization(style), params=params)


def test_every_text_has_a_shorter_summary_in_each_style(summaries: dict[str, list[str]]) -> None:
    for style in STYLES:
        for text, summary in zip(ABSTRACTS, summaries[style], strict=True):
            assert 0 < len(summary.split()) < len(text.split()) / 2, summary


def test_a_headline_is_shorter_than_a_tldr(summaries: dict[str, list[str]]) -> None:
    words = {s: fmean(len(summary.split()) for summary in summaries[s]) for s in STYLES}
    assert words["headline"] < words["tldr"], summaries


def test_each_text_has_a_summary_of_its_own(summaries: dict[str, list[str]]) -> None:
    assert all(len(set(summaries[style])) == len(ABSTRACTS) for style in STYLES), summaries


def test_most_of_what_a_summary_says_is_in_its_text(summaries: dict[str, list[str]]) -> None:
    pairs = [pair for s in STYLES for pair in zip(ABSTRACTS, summaries[s], strict=True)]
    shares = [faithfulness(text, summary) for text, summary in pairs]
    report = [f"{share:.2f} {summary}" for share, (_, summary) in zip(shares, pairs, strict=True)]
    assert fmean(shares) >= LEAST_FAITHFUL, "\n".join([f"mean {fmean(shares):.2f}", *report])


@pytest.mark.parametrize("style", STYLES)
def test_what_only_training_knows_is_never_written(model: LoadedModel, style: str) -> None:
    wild = summarize(model, style, num_beams=1, temperature=3.0, seed=0, max_new_tokens=60)
    for summary in [*wild, *summarize(model, style, num_beams=1)]:
        assert not re.search(r"<(gap\d*|mask|pad|unk|s|/s|tldr|headline)>", summary), summary


def test_no_summary_says_one_thing_over_and_over(summaries: dict[str, list[str]]) -> None:
    for summary in summaries["tldr"] + summaries["headline"]:
        assert not re.search(r"\b(\w+(?:\W+\w+){0,5})(?:\W+\1\b){3,}", summary), summary
