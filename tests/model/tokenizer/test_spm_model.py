from pathlib import Path
from typing import Any

import pytest

from model.errors import CheckpointError, UnsupportedModelError
from model.tokenizer.spm_model import PieceType, SegmentationAlgorithm, parse_spm, read_spm
from tests.tokenizer_factories import make_sentences, spm_pieces, train_spm


def test_the_pieces_are_those_of_the_file(english_spm: bytes, tmp_path: Path) -> None:
    path = tmp_path / "source.spm"
    path.write_bytes(english_spm)
    model = read_spm(path)
    assert [piece.text for piece in model.pieces] == spm_pieces(english_spm)
    assert [piece.type for piece in model.pieces[:4]] == [
        PieceType.UNKNOWN,
        PieceType.CONTROL,
        PieceType.CONTROL,
        PieceType.NORMAL,
    ]
    assert model.algorithm is SegmentationAlgorithm.UNIGRAM
    assert model.unk_surface == " \u2047 "


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"source\.spm: cannot be read: No such file"):
        read_spm(tmp_path / "source.spm")


def test_a_truncated_file_is_refused(english_spm: bytes) -> None:
    """The last two bytes are an empty denormalizer, which says nothing."""
    for size in [*range(40), *range(40, len(english_spm) - 2, 997), len(english_spm) - 3]:
        with pytest.raises(ValueError, match=r".+"):
            parse_spm(english_spm[:size])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "ends before its settings"),
        (b"<!DOCTYPE html><html>not found</html>", "wire type 4"),
        (b"version https://git-lfs.github.com/spec/v1\n", "wire type 6"),
        (b"\xff" * 30, "too long"),
        (b"\x12\x00\x1a\x00", "no pieces"),
        (b"\x0a\x03\x0a\x01a\x12\x00\x1a\x00", "exactly one piece of type UNKNOWN"),
        (b"\x08\x01", "a number where bytes belong"),
        (b"\x0a\x04\x0a\x02\xff\xff\x12\x00\x1a\x00", "invalid start byte"),
        (b"\x0a\x04\x0a\x00\x18\x02\x12\x00\x1a\x00", "cannot be a piece"),
        (b"\x0a\x0a\x0a\x01a\x15\x00\x00\xc0\x7f\x18\x02\x12\x00\x1a\x00", "score of 'a' is nan"),
        (b"\x0a\x05\x0a\x01a\x18\x02\x0a\x03\x0a\x01a\x12\x00\x1a\x00", "'a' occurs 2 times"),
        (b"\x0a\x05\x0a\x01a\x18\x09\x12\x00\x1a\x00", "9 is not a valid PieceType"),
    ],
)
def test_what_is_no_model_is_refused_with_the_reason(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    path = tmp_path / "target.spm"
    path.write_bytes(data)
    with pytest.raises(
        CheckpointError, match=rf"target\.spm: not a SentencePiece model: .*{reason}"
    ):
        read_spm(path)


@pytest.mark.parametrize(
    ("options", "feature"),
    [
        ({"byte_fallback": True, "vocab_size": 600}, "byte fallback"),
        ({"user_defined_symbols": ["<sep>"]}, "user-defined symbols"),
        ({"treat_whitespace_as_suffix": True}, "blanks as suffixes"),
        ({"model_type": "char"}, "the WORD or CHAR algorithm"),
        ({"model_type": "word"}, "the WORD or CHAR algorithm"),
    ],
)
def test_a_model_with_a_feature_that_is_not_ours_is_refused(
    tmp_path: Path, options: dict[str, Any], feature: str
) -> None:
    path = tmp_path / "source.spm"
    path.write_bytes(train_spm(make_sentences(count=500), **options))
    with pytest.raises(UnsupportedModelError, match=rf"source\.spm: .* with {feature} are not"):
        read_spm(path)
