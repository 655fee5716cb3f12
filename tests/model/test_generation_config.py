"""Prefixes of a checkpoint for a task, with the names of languages."""

import pytest

from model.errors import UnsupportedTaskError
from model.families.t5 import PREFIXES
from model.generation_config import task_prefix
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
