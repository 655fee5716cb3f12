import pytest
import sentencepiece

from model.training.normalizer import add_lookalikes, compiled, rules_of, with_lookalikes
from tests.support.checkpoints.tokenizers import ODD_TEXTS, make_sentences, spm_pieces, train_spm


@pytest.fixture(scope="module")
def spm() -> bytes:
    return train_spm([*make_sentences(), "« oui » `"], normalization_rule_name="nmt_nfkc")


@pytest.fixture(scope="module")
def changed(spm: bytes) -> bytes:
    return add_lookalikes(spm)


def test_compiled_rules_are_read_as_they_were() -> None:
    rules = {"a": "b", "ab": "", "\u2019": "'", "e\u0301": "é", "\U0001f389": "party"}
    assert rules_of(compiled(rules)) == rules


def test_a_known_character_stays_and_others_become_the_nearest() -> None:
    rules = with_lookalikes({"\u2011": "\u2010"}, known=frozenset("abc'-«"))
    assert rules["\u2011"] == rules["\u2010"] == "-"
    assert rules["\u2019"] == "'"
    assert rules["\u00ad"] == rules["\u200b"] == ""
    assert rules["\x85"] == " "
    assert "«" not in rules
    assert "\u2026" not in rules  # nor is a dot known
    assert "a" not in rules


def test_the_pieces_and_what_was_known_stay(spm: bytes, changed: bytes) -> None:
    before = sentencepiece.SentencePieceProcessor(model_proto=spm)
    after = sentencepiece.SentencePieceProcessor(model_proto=changed)
    assert spm_pieces(spm) == spm_pieces(changed)
    for text in (*make_sentences(count=200, seed=1), *filter(str.isascii, ODD_TEXTS), "« oui »"):
        text = text.replace("\x00", "")  # noqa: PLW2901
        assert after.encode(text) == before.encode(text)


def test_a_look_alike_is_read_as_what_it_looks_like(changed: bytes) -> None:
    pieces = sentencepiece.SentencePieceProcessor(model_proto=changed)
    assert pieces.encode(
        "don\u2019t well\u2011known un\u00adbe\u200bliev\ufeffable"
    ) == pieces.encode("don't well-known unbelievable")


def test_added_twice_is_added_once(changed: bytes) -> None:
    assert add_lookalikes(changed) == changed


def test_what_was_not_learned_is_read_as_what_was(spm: bytes, changed: bytes) -> None:
    unlearned = add_lookalikes(spm, unlearned=frozenset("`"))
    for model, expected in ((changed, "▁`"), (unlearned, "▁'")):
        pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
        assert pieces.normalize("`") == expected
