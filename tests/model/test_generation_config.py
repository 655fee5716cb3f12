"""A checkpoint's files: which of two wins, and the prefix that names a task's languages."""

import pytest

from model.errors import UnsupportedTaskError
from model.families.t5 import PREFIXES
from model.generation_config import complete_config, task_prefix
from model.tokenizer.prompt import Translation

T5 = {"task_specific_params": {"translation_en_to_de": {"prefix": "into German: "}}}


@pytest.mark.parametrize(
    ("task", "prefix"),
    [
        (Translation("de", "en"), "into German: "),
        (Translation("fr", "en"), "translate English to French: "),
        (Translation("deu_Latn", "iw"), "translate Hebrew to German: "),
        (Translation("zh-Hant", "en"), "translate English to Chinese (Traditional): "),
    ],
    ids=str,
)
def test_languages_are_called_by_their_english_names(task: Translation, prefix: str) -> None:
    assert task_prefix(T5, task, general=PREFIXES) == prefix


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Translation("de"), "source_lang: this model must be told the language"),
        (Translation("de", ""), "source_lang: '' is not a language"),
        (Translation("de", "x" * 1_000), "source_lang: 'x+' is not a language"),
        (Translation("xx", "en"), "target_lang: 'xx' is not a language"),
        (Translation("de-", "en"), "target_lang: 'de-' is not a language"),
    ],
    ids=["none", "empty", "long", "unknown", "malformed"],
)
def test_a_language_without_a_name_is_refused(task: Translation, message: str) -> None:
    """Otherwise the network reads `translate Unknown language to German`."""
    with pytest.raises(UnsupportedTaskError, match=message):
        task_prefix(T5, task, general=PREFIXES)


def test_config_json_wins_over_the_generation_config_but_for_the_start_token() -> None:
    config = {"pad_token_id": 1, "decoder_start_token_id": 2, "vocab_size": None}
    generation = {"pad_token_id": 5, "decoder_start_token_id": 6, "vocab_size": 7, "num_beams": 8}
    assert complete_config(config, generation) == {
        "pad_token_id": 1,
        "decoder_start_token_id": 6,
        "vocab_size": 7,  # null in config.json says nothing
        "num_beams": 8,
    }


@pytest.mark.parametrize(
    ("config", "generation", "start"),
    [
        ({"bos_token_id": 3}, {"bos_token_id": 4}, 4),
        ({"bos_token_id": 3}, {}, 3),
        ({"bos_token_id": 3}, {"decoder_start_token_id": None, "bos_token_id": None}, 3),
        ({}, {}, None),
    ],
)
def test_without_a_start_token_the_decoder_begins_with_the_start_of_sentence(
    config: dict[str, int], generation: dict[str, int | None], start: int | None
) -> None:
    assert complete_config(config, generation)["decoder_start_token_id"] == start
