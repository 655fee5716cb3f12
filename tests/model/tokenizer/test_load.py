import json
import shutil
from pathlib import Path

import pytest
from transformers import BartTokenizer

from model.errors import CheckpointError
from model.tokenizer import layouts
from model.tokenizer.byte_tokenizer import ByteTokenizer
from model.tokenizer.load import load_tokenizer
from model.tokenizer.tokenizer_json import JsonTokenizer
from tests.support.checkpoints.tokenizers import write_m2m100_tokenizer, write_spm_tokenizer


def test_tokenizer_json_comes_before_the_other_files(
    bart_folder: Path, tmp_path: Path, english_spm: bytes
) -> None:
    BartTokenizer.from_pretrained(bart_folder).save_pretrained(tmp_path)
    write_spm_tokenizer(tmp_path, spm=english_spm, file="spiece.model")
    assert isinstance(load_tokenizer(tmp_path, layouts.T5), JsonTokenizer)
    (tmp_path / "tokenizer.json").unlink()
    assert load_tokenizer(tmp_path, layouts.T5).token_to_id("▁the") is not None


def test_two_spm_files_come_before_a_tokenizer_json_which_has_one_side(
    marian_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(marian_folder, tmp_path / "checkpoint"))
    (folder / "tokenizer.json").write_text("{}")
    assert load_tokenizer(folder, layouts.MARIAN).encode_target("das")


def test_byt5_is_known_by_its_class(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "ByT5Tokenizer"}')
    assert isinstance(load_tokenizer(tmp_path, layouts.T5), ByteTokenizer)


@pytest.mark.parametrize(
    ("config", "num_languages"),
    [
        ({}, 25),
        ({"tokenizer_class": "MBartTokenizer"}, 25),
        ({"tokenizer_class": "MBart50Tokenizer"}, 52),
        ({"tokenizer_class": "MBart50TokenizerFast"}, 52),
    ],
)
def test_the_class_tells_mbart_50_from_mbart_25(
    tmp_path: Path, english_spm: bytes, config: dict[str, str], num_languages: int
) -> None:
    tokenizer = load_tokenizer(
        write_spm_tokenizer(tmp_path, spm=english_spm, **config), layouts.MBART
    )
    assert tokenizer.added_tokens[3:-1] == list(layouts.MBART[-1].added[:num_languages])


def test_nllb_and_m2m100_are_told_apart_by_class_or_files(
    tmp_path: Path, english_spm: bytes
) -> None:
    nllb = write_spm_tokenizer(tmp_path / "nllb", spm=english_spm, tokenizer_class="NllbTokenizer")
    m2m100 = write_m2m100_tokenizer(tmp_path / "m2m100", spm=english_spm)
    for _ in range(2):
        assert load_tokenizer(nllb, layouts.M2M100).token_to_id("zul_Latn") is not None
        assert load_tokenizer(m2m100, layouts.M2M100).token_to_id("__zu__") is not None
        for folder in (nllb, m2m100):
            (folder / "tokenizer_config.json").unlink(missing_ok=True)


def test_some_layouts_are_told_apart_by_their_language_codes(
    tmp_path: Path, english_spm: bytes
) -> None:
    folder = write_m2m100_tokenizer(tmp_path, spm=english_spm)
    size = len(json.loads((folder / "vocab.json").read_bytes()))
    tokenizer = load_tokenizer(folder, layouts.M2M100)
    assert (tokenizer.token_to_id("__af__"), tokenizer.token_to_id("__zu__")) == (size, size + 99)
    (folder / "tokenizer_config.json").write_text('{"language_codes": "wmt21"}')
    assert load_tokenizer(folder, layouts.M2M100).token_to_id("__en__") == size
    write_spm_tokenizer(folder, spm=english_spm, language_codes="multi")
    assert load_tokenizer(folder, layouts.PLBART).added_tokens[-1] == "__go__"


def test_a_folder_without_any_of_the_files_is_told_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"spiece\.model: cannot be read: No such file"):
        load_tokenizer(tmp_path, layouts.T5)
    with pytest.raises(CheckpointError, match=r"vocab\.json: cannot be read: No such file"):
        load_tokenizer(tmp_path, layouts.BART)
