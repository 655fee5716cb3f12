"""One model of the catalogue: every key's rule."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from model.errors import UnsupportedTaskError
from model.tokenizer.prompt import Summarization, Task, Translation
from service.catalogue.catalogue import ModelEntry

TRANSLATOR = {"name": "t", "path": "owner/t", "task": "translation", "pairs": ["en-de"]}
SUMMARIZER = {"name": "s", "path": "owner/s", "task": "summarization", "styles": ["tldr", "long"]}
BOTH = {"name": "b", "path": "owner/b", "tasks": ["translation", "summarization"]}
A_HASH = "ab" * 32


def entry(base: dict[str, Any], **keys: Any) -> ModelEntry:
    """Return the entry with more keys; None removes a key."""
    merged = {**base, **keys}
    return ModelEntry.model_validate({k: v for k, v in merged.items() if v is not None})


def test_a_model_is_described_in_full() -> None:
    found = entry(
        TRANSLATOR,
        revision="main",
        sha256={"model.safetensors": A_HASH.upper()},
        device="cuda:1",
        load="lazy",
        warm_up=["Guten Tag."],
        max_input_tokens=128,
        max_new_tokens=64,
        max_waiting=10,
        max_running_rows=8,
        kv_cache_bytes=1_000_000,
        alignment_heads=[[0, 1], [3, 0]],
        defaults={"num_beams": 4, "max_new_tokens": 64},
    )
    assert found.tasks == ("translation",)
    assert tuple(found.pairs) == (("en", "de"),)
    assert found.sha256 == {"model.safetensors": A_HASH}
    assert (found.dtype, found.device, found.load) == ("auto", "cuda:1", "lazy")
    assert found.warm_up == ("Guten Tag.",)
    assert (found.max_input_tokens, found.max_new_tokens, found.max_waiting) == (128, 64, 10)
    assert (found.max_running_rows, found.kv_cache_bytes) == (8, 1_000_000)
    assert found.alignment_heads == ((0, 1), (3, 0))
    assert found.defaults == {"num_beams": 4, "max_new_tokens": 64}


def test_what_is_not_said_has_a_default() -> None:
    found = entry(SUMMARIZER)
    assert (found.dtype, found.device, found.load) == ("auto", "auto", "eager")
    assert found.warm_up is True
    assert found.alignment_heads is None
    assert (found.revision, found.max_input_tokens, found.max_waiting) == (None, None, None)
    assert (found.default_for, found.prefix, found.sha256) == ((), {}, {})
    assert not found.pairs


def test_a_model_may_have_several_tasks() -> None:
    found = entry(BOTH, pairs=["en-de"], styles=["tldr"])
    assert found.tasks == ("translation", "summarization")


def test_two_lists_of_languages_stand_for_every_combination() -> None:
    found = entry(TRANSLATOR, pairs=None, source=["en", "de"], target=["de", "zh_Hans"])
    assert tuple(found.pairs) == (("en", "de"), ("en", "zh_Hans"), ("de", "zh_Hans"))


def test_one_list_of_languages_stands_for_each_with_each() -> None:
    found = entry(TRANSLATOR, pairs=None, languages=["en", "de", "no"])
    assert len(found.pairs) == 6
    assert ("no", "de") in found.pairs


def test_all_languages_are_known_only_from_the_vocabulary() -> None:
    found = entry(TRANSLATOR, pairs=None, languages="all")
    assert found.languages == "all"
    assert not found.pairs


def test_int8_can_be_said_in_two_ways() -> None:
    assert entry(TRANSLATOR, quantize="int8").dtype == "int8"
    assert entry(TRANSLATOR, quantize="int8", dtype="int8").dtype == "int8"
    assert entry(TRANSLATOR, dtype="int8").dtype == "int8"


@pytest.mark.parametrize(
    ("base", "keys", "where", "sentence"),
    [
        (TRANSLATOR, {"name": "../x"}, "name", "a name has up to 200 letters"),
        (TRANSLATOR, {"name": "x" * 201}, "name", "a name has up to 200 letters"),
        (TRANSLATOR, {"path": "bundled/x", "revision": "v1"}, "revision", "only a model from a h"),
        (TRANSLATOR, {"path": "./x", "revision": "v1"}, "revision", "only a model from a hub"),
        (TRANSLATOR, {"revision": ""}, "revision", "at least 1 character"),
        (TRANSLATOR, {"sha256": {"../x": A_HASH}}, "sha256", "no file inside the model's folder"),
        (TRANSLATOR, {"sha256": {"/x": A_HASH}}, "sha256", "no file inside the model's folder"),
        (TRANSLATOR, {"sha256": {"x": "ab"}}, "sha256", "64 hexadecimal digits"),
        (TRANSLATOR, {"task": None}, "", "no task"),
        (TRANSLATOR, {"tasks": ["translation"]}, "tasks", "either task or tasks"),
        (TRANSLATOR, {"task": None, "tasks": ["poetry"]}, "tasks", "'translation' or 'summarizat"),
        (TRANSLATOR, {"pairs": ["en-de", "german"]}, "pairs", "such as en-de"),
        (TRANSLATOR, {"pairs": ["en-en"]}, "pairs", "two languages such as en-de"),
        (TRANSLATOR, {"pairs": "en-de"}, "pairs", "valid tuple"),
        (TRANSLATOR, {"pairs": None}, "", "needs pairs, or source and target, or languages"),
        (TRANSLATOR, {"pairs": []}, "pairs", "no pair of two different languages"),
        (TRANSLATOR, {"pairs": None, "source": ["en"]}, "source", "are given together"),
        (
            TRANSLATOR,
            {"pairs": None, "source": ["en"], "target": ["en"]},
            "source",
            "no pair of two different languages",
        ),
        (TRANSLATOR, {"languages": "all"}, "languages", "either pairs or languages"),
        (
            TRANSLATOR,
            {"source": ["en"], "target": ["de"]},
            "target",
            "either pairs or source and target",
        ),
        (TRANSLATOR, {"pairs": None, "languages": ["en"]}, "languages", "at least two codes"),
        (TRANSLATOR, {"pairs": None, "languages": "some"}, "languages", "languages are `all`"),
        (SUMMARIZER, {"pairs": ["en-de"]}, "pairs", "a summarization model has no language pairs"),
        (SUMMARIZER, {"languages": "all"}, "languages", "has no language pairs"),
        (TRANSLATOR, {"styles": ["tldr"]}, "styles", "a translation model has no styles"),
        (TRANSLATOR, {"dtype": "int3"}, "dtype", "'int8'"),
        (TRANSLATOR, {"dtype": "float32", "quantize": "int8"}, "dtype", "contradicts this"),
        (TRANSLATOR, {"quantize": "int4"}, "quantize", "'int8'"),
        (TRANSLATOR, {"device": "tpu"}, "device", "auto, cpu, cuda"),
        (TRANSLATOR, {"load": "never"}, "load", "'eager' or 'lazy'"),
        (TRANSLATOR, {"warm_up": "yes"}, "warm_up", "true, false, or a list of sentences"),
        (TRANSLATOR, {"warm_up": []}, "warm_up", "true, false, or a list of sentences"),
        *(
            (TRANSLATOR, {"alignment_heads": heads}, "alignment_heads", "a list of [layer, head]")
            for heads in ([], [3], [[1, 2, 3]], [[0, -1]], [["0", "1"]], "all")
        ),
        (TRANSLATOR, {"stand_ins": ["X1", "X12"]}, "stand_ins", "'X1' is in 'X12'"),
        (TRANSLATOR, {"stand_ins": ["X1", "X1"]}, "stand_ins", "'X1' is in 'X1'"),
        (TRANSLATOR, {"stand_ins": ["X 1"]}, "stand_ins", "match pattern"),
        (SUMMARIZER, {"stand_ins": ["X1"]}, "stand_ins", "a summarization model has no stand-ins"),
        (TRANSLATOR, {"max_waiting": 0}, "max_waiting", "greater than 0"),
        (TRANSLATOR, {"max_waiting": True}, "max_waiting", "valid integer"),
        (TRANSLATOR, {"max_new_tokens": "9"}, "max_new_tokens", "valid integer"),
        (TRANSLATOR, {"defaults": {"num_beams": 9}}, "defaults", "9 is not between 1 and 8"),
        (TRANSLATOR, {"defaults": {"num_beams": "four"}}, "defaults", "valid integer"),
        (TRANSLATOR, {"defaults": {"beams": 4}}, "defaults", "did you mean 'num_beams'"),
        (TRANSLATOR, {"defaults": {"seed": 1}}, "defaults", "no such generation parameter"),
        (
            TRANSLATOR,
            {"max_new_tokens": 9, "defaults": {"max_new_tokens": 10}},
            "defaults",
            "allows 9 at most",
        ),
        (TRANSLATOR, {"prefix": "to {target.__class__}: "}, "prefix", "no braces but"),
        (TRANSLATOR, {"prefix": "to {0}: "}, "prefix", "no braces but"),
        (TRANSLATOR, {"prefix": "to {}: "}, "prefix", "no braces but"),
        (TRANSLATOR, {"prefix": "{{target}}"}, "prefix", "no braces but"),
        (TRANSLATOR, {"prefix": {"summarization": "x"}}, "prefix", "no task or style"),
        (SUMMARIZER, {"prefix": {"tdlr": "x"}}, "prefix", "did you mean 'tldr'"),
        (SUMMARIZER, {"prefix": "to {target}: "}, "prefix", "only a prefix for translation"),
        (SUMMARIZER, {"prefix": 3}, "prefix", "valid dictionary"),
    ],
    ids=str,
)
def test_a_mistake_is_refused_at_its_key(
    base: dict[str, Any], keys: dict[str, Any], where: str, sentence: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        entry(base, **keys)
    assert {".".join(map(str, e["loc"][:1])) for e in caught.value.errors()} == {where}
    assert all(sentence in e["msg"] for e in caught.value.errors())


@pytest.mark.parametrize(
    ("prefix", "task", "text"),
    [
        pytest.param(None, Translation("de", "en"), None, id="the family's own"),
        pytest.param("", Translation("de", "en"), "", id="none at all"),
        pytest.param("x: ", Translation("de", "en"), "x: ", id="one for all"),
        pytest.param("x: ", Summarization("tldr"), "x: ", id="one for all, another task"),
        pytest.param({"summarization": "x: "}, Translation("de", "en"), None, id="another's"),
        pytest.param({"summarization": "x: "}, Summarization(), "x: ", id="a task's"),
        pytest.param({"summarization": "x: "}, Summarization("tldr"), "x: ", id="all styles'"),
        pytest.param(
            {"summarization": "x: ", "tldr": "y: "}, Summarization("tldr"), "y: ", id="a style's"
        ),
        pytest.param(
            {"translation": "translate {source} to {target}: "},
            Translation("de", "en"),
            "translate English to German: ",
            id="languages by name",
        ),
        pytest.param(
            {"translation": "{target}{target} "},
            Translation("zh_Hans", None),
            "Chinese (Simplified)Chinese (Simplified) ",
            id="a script by name",
        ),
    ],
)
def test_a_text_is_given_its_prefix(prefix: Any, task: Task, text: str | None) -> None:
    found = entry(BOTH, pairs=["en-de"], styles=["tldr"], prefix=prefix)
    assert found.prefix_for(task) == text


def test_a_prefix_that_names_the_source_needs_to_know_it() -> None:
    found = entry(TRANSLATOR, prefix="from {source}: ")
    with pytest.raises(UnsupportedTaskError, match="t must be told the language of the text"):
        found.prefix_for(Translation("de"))


def test_an_entry_without_a_file_is_named_alone() -> None:
    assert entry(TRANSLATOR).at("dtype") == "model 't', dtype"


def test_an_entry_can_be_written_as_json_and_read_again() -> None:
    found = entry(BOTH, pairs=["en-de"], styles=["tldr"], prefix="x: ", warm_up=["a"])
    text = found.model_dump_json(exclude_unset=True)
    assert json.loads(text)["pairs"] == [["en", "de"]]
    assert ModelEntry.model_validate_json(text) == found


def test_a_folder_s_place_is_not_for_clients(tmp_path: Path) -> None:
    assert entry(TRANSLATOR, path=str(tmp_path)).origin == "folder"
    assert entry(TRANSLATOR).origin == "owner/t"
