import json
from pathlib import Path

import pytest

from model.errors import CheckpointError
from model.tokenizer.vocabulary import AddedToken, read_tokenizer_config


def test_a_folder_may_say_nothing(tmp_path: Path) -> None:
    config = read_tokenizer_config(tmp_path)
    assert config.special_token("eos", default="</s>") == "</s>"
    assert config.tokenizer_class is None
    assert not config.named_special_tokens
    assert not config.added_tokens


def test_the_newer_file_wins_and_the_older_ones_complete_it(tmp_path: Path) -> None:
    (tmp_path / "special_tokens_map.json").write_text('{"eos_token": "[A]", "pad_token": "[P]"}')
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": {"content": "[B]"}}')
    (tmp_path / "config.json").write_text('{"tokenizer_class": "MBart50TokenizerFast"}')
    config = read_tokenizer_config(tmp_path)
    assert config.special_token("eos", default="") == "[B]"
    assert config.special_token("pad", default="") == "[P]"
    assert config.named_special_tokens == ("[B]", "[P]")
    assert config.tokenizer_class == "MBart50Tokenizer"


def test_added_tokens_are_read_from_both_places(tmp_path: Path) -> None:
    (tmp_path / "added_tokens.json").write_text('{"<b>": 9, "<x>": 8}')
    settings = {
        "additional_special_tokens": ["<x>"],
        "extra_special_tokens": {"video": "<v>"},
        "added_tokens_decoder": {"7": {"content": "<s>", "special": True}},
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    config = read_tokenizer_config(tmp_path)
    assert config.added_tokens == (
        AddedToken("<s>", 7, is_special=True),
        AddedToken("<x>", 8, is_special=True),
        AddedToken("<b>", 9, is_special=False),
    )
    assert config.named_special_tokens == ("<x>", "<v>")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("added_tokens.json", '{"<b>": "9"}', "the id of '<b>' is '9'"),
        ("added_tokens.json", "[", "added_tokens.json: not valid JSON"),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"x": {"content": "a"}}}', "for 'x'"),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"7": 3}}', "no token for '7'"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: str, reason: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(CheckpointError, match=reason):
        read_tokenizer_config(tmp_path)
