from pathlib import Path
from typing import Any

import pytest
from sentencepiece import sentencepiece_model_pb2

from model.errors import CheckpointError, UnsupportedModelError
from model.tokenizer.spm_file import read_spm
from model.tokenizer.token_texts import LeadingBlanks
from tests.support.checkpoints.tokenizers import make_sentences, spm_pieces, train_spm


def write(folder: Path, data: bytes) -> Path:
    path = folder / "source.spm"
    path.write_bytes(data)
    return path


def test_the_pieces_are_those_of_the_file(english_spm: bytes, tmp_path: Path) -> None:
    spm = read_spm(write(tmp_path, english_spm))
    assert list(spm.pieces) == spm_pieces(english_spm)
    assert spm.unknown == "<unk>"
    assert spm.controls == {"<s>", "</s>"}
    assert not spm.bytes
    assert spm.unknown_text == " \u2047 "


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, LeadingBlanks.ALL_DROPPED),
        ({"remove_extra_whitespaces": False}, LeadingBlanks.ONE_DROPPED),
        ({"remove_extra_whitespaces": False, "add_dummy_prefix": False}, LeadingBlanks.KEPT),
    ],
)
def test_what_becomes_of_leading_blanks_is_the_normalizers(
    tmp_path: Path, options: dict[str, Any], expected: LeadingBlanks
) -> None:
    data = train_spm(make_sentences(count=300), **options)
    assert read_spm(write(tmp_path, data)).leading_blanks is expected


@pytest.mark.parametrize("piece_type", ["USER_DEFINED", "NORMAL"])
def test_a_symbol_that_is_a_tag_comes_from_no_text(tmp_path: Path, piece_type: str) -> None:
    data = train_spm(make_sentences(count=300), user_defined_symbols=["<2de>", "<sep>"])
    proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]  # made at run time
    proto.ParseFromString(data)
    for piece in proto.pieces:
        if piece.piece == "<2de>":
            piece.type = proto.SentencePiece.Type.Value(piece_type)
    path = write(tmp_path, proto.SerializeToString())
    assert read_spm(path).encode("<2de><sep>")[1:] == ["<2de>", "<sep>"]
    spm = read_spm(path, tags=r"<2(\w+)>")
    assert "<2de>" in spm.controls
    assert "<2de>" not in spm.encode("<2de><sep>")
    assert spm.encode("<2de><sep>")[-1] == "<sep>"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"source\.spm: cannot be read: No such file"):
        read_spm(tmp_path / "source.spm")


def test_a_truncated_file_is_refused(english_spm: bytes, tmp_path: Path) -> None:
    """The last bytes are optional settings."""
    for size in [*range(40), *range(40, len(english_spm) - 40, 997)]:
        with pytest.raises(CheckpointError, match=r"source\.spm: not a SentencePiece model"):
            read_spm(write(tmp_path, english_spm[:size]))


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE html><html>not found</html>",
        b"version https://git-lfs.github.com/spec/v1\n",
        b"\xff" * 30,
        b"\x12\x00\x1a\x00",  # no pieces
        b"\x0a\x03\x0a\x01a\x12\x00\x1a\x00",  # none of them for what is unknown
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"source\.spm: not a SentencePiece model: .+"):
        read_spm(write(tmp_path, data))


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("trainer_spec", "treat_whitespace_as_suffix", True),
        ("denormalizer_spec", "precompiled_charsmap", b"x"),
    ],
)
def test_rules_for_decoding_are_refused(
    english_spm: bytes, tmp_path: Path, part: str, key: str, value: object
) -> None:
    proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]  # made at run time
    proto.ParseFromString(english_spm)
    setattr(getattr(proto, part), key, value)
    with pytest.raises(UnsupportedModelError, match="blanks as suffixes, or with a denormalizer"):
        read_spm(write(tmp_path, proto.SerializeToString()))
