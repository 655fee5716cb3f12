"""Text in, text out: a list in one batch, streams beside each other, and errors before any work."""

import re
from itertools import zip_longest
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

import model
from model import TextModel, TextOutput
from model.engine.engine import Engine
from model.engine.params import FinishReason
from model.errors import (
    CheckpointError,
    ConfigError,
    InputTooLongError,
    InvalidParamsError,
    UnsupportedTaskError,
)
from service.catalogue.catalogue import load_catalogue
from tests.support.checkpoints.factories import t5_config, write_checkpoint, write_json

GERMAN: dict[str, Any] = {"source_lang": "en", "target_lang": "de"}
TEXTS = [
    "When does the next train leave?",
    "The bicycle is in the garden, behind the old tree that my father planted.",
    "Thank you.",
    "Where can I buy a ticket?",
]
ABSTRACT = (
    "We present GustNet, a graph neural network that models wind devices. Experiments on three "
    "benchmarks show that it improves accuracy by 12% while using half the parameters."
)
INVALID: dict[str, tuple[Any, str]] = {
    "num_beams": (9, "num_beams: 9 is not between 1 and 8"),
    "max_new_tokens": (513, "max_new_tokens: 513 is above the 511 this model can write"),
    "temperature": (0.0, "temperature: 0.0 is not above 0 and at most 10.0"),
    "target_prefix": (600 * "eins ", "target_prefix: 1200 tokens leave nothing of the 511 "),
}


@pytest.fixture(scope="module")
def translator() -> TextModel:
    return TextModel.load("bundled/translate")


@pytest.fixture(scope="module")
def summarizer() -> TextModel:
    return TextModel.load("bundled/summarize")


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[Engine]:
    """The engines that are made from now on."""
    made: list[Engine] = []

    def make_engine(*args: Any, **options: Any) -> Engine:
        made.append(Engine(*args, **options))
        return made[-1]

    monkeypatch.setattr("model.text_model.Engine", make_engine)
    return made


def texts_of(outputs: list[TextOutput]) -> list[str]:
    return [output.text for output in outputs]


def test_a_list_is_translated_in_its_order(translator: TextModel) -> None:
    together = texts_of(translator.translate(TEXTS, **GERMAN))
    assert together == [translator.translate(text, **GERMAN)[0].text for text in TEXTS]
    assert together[0] == "Wann geht der nächste Zug?"


def test_an_output_says_how_it_came_about(translator: TextModel) -> None:
    (output,) = translator.translate(TEXTS[0], **GERMAN)
    assert output.finish_reason is FinishReason.STOP
    assert output.score is not None
    assert -2.0 < output.score < 0.0
    # The end of sentence is generated, too, and so is what ends the source read.
    assert output.num_output_tokens == len(output.token_ids) + 1
    (cut,) = translator.translate(TEXTS[0], **GERMAN, max_new_tokens=2)
    assert cut.finish_reason is FinishReason.LENGTH
    assert cut.num_output_tokens == 2


def test_a_score_is_absent_where_nothing_computed_it(translator: TextModel) -> None:
    (greedy,) = translator.translate(TEXTS[0], **GERMAN, num_beams=1)
    (scored,) = translator.translate(TEXTS[0], **GERMAN, num_beams=1, return_scores=True)
    assert greedy.score is None
    assert scored.score is not None
    assert greedy.text == scored.text


def test_other_outputs_come_best_first(translator: TextModel) -> None:
    (output,) = translator.translate(TEXTS[1], **GERMAN, num_beams=4, num_return=3)
    texts = [output.text, *(other.text for other in output.alternatives)]
    assert len(set(texts)) == 3
    scores = [output.score, *(other.score for other in output.alternatives)]
    assert scores == sorted(scores, key=lambda score: score or 0.0, reverse=True)


def test_sampling_needs_no_word_about_beams(translator: TextModel) -> None:
    first, again, other = (
        texts_of(translator.translate(TEXTS[:2], **GERMAN, seed=seed)) for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_an_output_begins_as_asked(translator: TextModel) -> None:
    (output,) = translator.translate(TEXTS[0], **GERMAN, target_prefix="Um wie viel Uhr")
    assert output.text.startswith("Um wie viel Uhr ")


@pytest.mark.parametrize("options", [{}, {"seed": 3}, {"target_prefix": "Ja, wann"}])
def test_the_pieces_of_a_stream_are_the_whole_text(translator: TextModel, options: Any) -> None:
    (whole,) = translator.translate(TEXTS[1], **GERMAN, num_beams=1, **options)
    pieces = list(translator.stream_translation(TEXTS[1], **GERMAN, **options))
    assert "".join(pieces) == whole.text
    assert len(pieces) > 1


@pytest.mark.parametrize("num_beams", [1, 4])
@pytest.mark.parametrize(
    "text",
    [
        "Hello 🎉 friends",
        "I like 北京 very much.",
        "5 > 3 is true.",
        "Q&A",
        "a < b && c > d",
        "In the ☰ menu, tap your name.",
    ],
)
def test_no_unknown_token_is_written(translator: TextModel, text: str, num_beams: int) -> None:
    (output,) = translator.translate(text, num_beams=num_beams, **GERMAN)
    assert output.text
    assert not re.search("⁇|<unk>", output.text)


def test_an_unknown_prefix_is_not_written_either(translator: TextModel) -> None:
    options: Any = {**GERMAN, "target_prefix": "北京 ist", "num_beams": 1}
    (output,) = translator.translate("Beijing is big.", **options)
    assert output.text.startswith("ist")
    assert "".join(translator.stream_translation("Beijing is big.", **options)) == output.text


def test_a_look_alike_is_translated_as_what_it_looks_like(translator: TextModel) -> None:
    texts = ["I don\u2018t know.", "I don't know."]
    curly, straight = translator.translate(texts, **GERMAN)
    assert curly == straight


def test_a_stream_that_ends_inside_a_character_is_the_whole_text(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, t5_config(vocab_size=384))
    write_json(tmp_path / "tokenizer_config.json", {"tokenizer_class": "ByT5Tokenizer"})
    bytewise = TextModel.load(tmp_path, dtype="float32", device="cpu")
    wholes = [
        bytewise.summarize("Köln", num_beams=1, max_new_tokens=n)[0].text for n in range(6, 14)
    ]
    assert any(whole.endswith("\ufffd") for whole in wholes)
    assert wholes == [
        "".join(bytewise.stream_summary("Köln", max_new_tokens=n)) for n in range(6, 14)
    ]


def test_a_stream_is_the_same_beside_other_streams_and_calls(translator: TextModel) -> None:
    alone = [list(translator.stream_translation(text, **GERMAN)) for text in TEXTS]
    listed = texts_of(translator.translate(TEXTS, **GERMAN))
    streams = [translator.stream_translation(text, **GERMAN) for text in TEXTS]
    received: list[list[str]] = [[] for _ in TEXTS]
    for turn in zip_longest(*streams):
        for pieces, piece in zip(received, turn, strict=True):
            pieces.append(piece or "")
        if len(received[0]) == 2:
            assert texts_of(translator.translate(TEXTS, **GERMAN)) == listed
    assert list(map("".join, received)) == list(map("".join, alone))


def test_a_stream_that_is_closed_leaves_the_engine_at_once(engines: list[Engine]) -> None:
    translator = TextModel.load("bundled/translate")
    stream = translator.stream_translation(TEXTS[1], **GERMAN)
    next(stream)
    assert engines[0].has_work
    stream.close()
    assert not engines[0].has_work


def test_a_call_that_is_interrupted_leaves_the_engine_at_once(
    engines: list[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = TextModel.load("bundled/translate")
    with monkeypatch.context() as patch:
        patch.setattr(engines[0], "step", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            translator.translate(TEXTS, **GERMAN)
    assert not engines[0].has_work
    assert translator.translate(TEXTS[0], **GERMAN)[0].text == "Wann geht der nächste Zug?"


def test_a_loop_ends_at_a_few_times_the_length_of_its_source(translator: TextModel) -> None:
    (output,) = translator.translate("Yes.", **GERMAN, num_beams=1, min_new_tokens=200)
    assert output.finish_reason is FinishReason.LENGTH
    assert output.num_output_tokens == 4 * output.num_input_tokens + 32


def test_more_texts_than_the_cache_has_rows_are_translated() -> None:
    small = TextModel.load("bundled/translate", max_rows=4)
    numbers = [str(number) for number in range(12, 24)]
    outputs = small.translate([f"Room {number}" for number in numbers], **GERMAN, num_beams=1)
    assert [re.sub(r"\D", "", output.text) for output in outputs] == numbers


def test_a_text_is_summarized_in_a_style(summarizer: TextModel) -> None:
    tldr, headline = (
        summarizer.summarize(ABSTRACT, style=style)[0].text for style in ("tldr", "headline")
    )
    assert "GustNet" in tldr
    assert "GustNet" in headline
    assert len(headline) < len(tldr)
    (greedy,) = summarizer.summarize(ABSTRACT, style="tldr", num_beams=1)
    assert "".join(summarizer.stream_summary(ABSTRACT, style="tldr")) == greedy.text


def test_no_text_has_no_output(translator: TextModel) -> None:
    assert translator.translate([], **GERMAN) == []


def test_a_text_that_is_too_long_is_an_error_that_says_which(translator: TextModel) -> None:
    with pytest.raises(InputTooLongError, match="reads at most 512") as caught:
        translator.translate(["Yes.", 600 * "no "], **GERMAN)
    assert caught.value.__notes__ == ["in texts[1]"]
    assert translator.max_input_tokens == caught.value.limit_tokens == 512


@pytest.mark.parametrize("field", INVALID)
def test_an_option_out_of_range_is_named_with_its_limit(translator: TextModel, field: str) -> None:
    value, message = INVALID[field]
    options: Any = {field: value}
    with pytest.raises(InvalidParamsError) as caught:
        translator.translate(TEXTS[:1], **GERMAN, **options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("field", ["num_beams", "num_return"])
def test_several_outputs_cannot_be_streamed(translator: TextModel, field: str) -> None:
    options: Any = {"num_beams": 1, field: 2}
    with pytest.raises(InvalidParamsError, match=f"{field}: 2 cannot be streamed; use 1"):
        translator.stream_translation(TEXTS[0], **GERMAN, **options)


def test_a_stream_is_refused_when_it_is_asked_for(translator: TextModel) -> None:
    with pytest.raises(UnsupportedTaskError, match="'xx' is not one of"):
        translator.stream_translation(TEXTS[0], target_lang="xx")


def test_what_is_no_text_is_refused(translator: TextModel) -> None:
    texts: Any = ["Yes.", None]
    with pytest.raises(InvalidParamsError, match="text: None is not a string"):
        translator.translate(texts, **GERMAN)


def test_an_unknown_option_is_an_error(translator: TextModel) -> None:
    options: Any = {"num_beans": 4}
    with pytest.raises(TypeError, match="num_beans"):
        translator.translate(TEXTS[:1], **GERMAN, **options)


def test_a_folder_is_loaded_like_a_bundled_model() -> None:
    folder = Path(model.__file__).parent / "bundled" / "translate"
    loaded = TextModel.load(folder)
    assert loaded.translate(TEXTS[0], **GERMAN)[0].text == "Wann geht der nächste Zug?"
    assert set(loaded.languages) == {"de", "en", "es", "fr"}


@pytest.mark.parametrize("path", ["bundled/unheard-of", "owner/name", Path("/nowhere")])
def test_a_model_that_is_not_here_is_named_beside_those_that_are(path: str | Path) -> None:
    with pytest.raises(CheckpointError, match=f"path: '{path}'.*bundled/summarize, bundled/trans"):
        TextModel.load(path)


def test_a_cache_too_small_for_a_row_is_refused() -> None:
    with pytest.raises(ConfigError, match="kv_cache_bytes: 1000 is below"):
        TextModel.load("bundled/translate", kv_cache_bytes=1000)


def test_a_bundled_model_has_the_defaults_that_the_service_gives_it(translator: TextModel) -> None:
    (entry,) = (e for e in load_catalogue(None).models if e.name == "bundled/translate")
    assert entry.defaults == {"max_repeats": 3}
    looping: dict[str, Any] = {**GERMAN, "num_beams": 1, "min_new_tokens": 40}
    by_default = texts_of(translator.translate("Yes.", **looping))
    assert by_default == texts_of(translator.translate("Yes.", **looping, max_repeats=3))
    assert by_default != texts_of(translator.translate("Yes.", **looping, max_repeats=0))
