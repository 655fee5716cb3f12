import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from model.tokenizer.spm_model import parse_spm
from model.tokenizer.spm_normalizer import Normalizer
from tests.tokenizer_factories import ODD_TEXTS


@given(text=st.text(max_size=40) | st.sampled_from(ODD_TEXTS))
def test_texts_are_rewritten_as_by_sentencepiece(spm: bytes, text: str) -> None:
    reference = sentencepiece.SentencePieceProcessor(model_proto=spm)
    assert Normalizer(parse_spm(spm).normalizer).normalize(text) == reference.normalize(text)


def test_plain_english_is_left_as_it_is(english_spm: bytes) -> None:
    normalizer = Normalizer(parse_spm(english_spm).normalizer)
    assert normalizer.normalize("Don't; 50% (or [more])!") == "▁Don't;▁50%▁(or▁[more])!"


def test_compatibility_forms_accents_and_blanks_are_unified(english_spm: bytes) -> None:
    normalizer = Normalizer(parse_spm(english_spm).normalizer)
    assert normalizer.normalize("  ﬁ\u00a0 e\u0301\u200b \t①\x01 ") == "▁fi▁é▁1"


def test_a_lone_surrogate_is_a_character_like_others(english_spm: bytes) -> None:
    """No bytes exist for it, so sentencepiece cannot be asked; a JSON body can bring one."""
    normalizer = Normalizer(parse_spm(english_spm).normalizer)
    assert normalizer.normalize("a\ud800b") == "▁a\ud800b"
