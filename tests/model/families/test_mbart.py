"""mBART-25 and mBART-50: one network, and two orders of the tags around a text."""

import pytest

from model.config import Learned, Norm
from model.families.layout import Slot
from model.families.mbart import MBART
from tests.support.checkpoints.factories import mbart_config

EOS, ROMANIAN = 2, 28


def test_the_network_is_barts_in_pre_norm() -> None:
    config = MBART.architecture(mbart_config())
    assert config.norm == Norm(placement="pre")
    assert config.final_norm
    assert config.positions == Learned(offset=2)
    assert config.embedding_norm
    assert config.output_bias


def test_a_decoder_that_starts_with_the_end_is_told_the_language_by_force() -> None:
    layout = MBART.layout(mbart_config(decoder_start_token_id=EOS))
    assert layout.encoder == (Slot.SOURCE_LANG, Slot.TEXT, Slot.EOS)
    assert layout.decoder == (Slot.START,)
    assert layout.forced is Slot.TARGET_LANG


@pytest.mark.parametrize("start", [None, 0, ROMANIAN], ids=["none", "of sentence", "a language"])
def test_a_decoder_that_starts_otherwise_starts_with_the_language(start: int | None) -> None:
    layout = MBART.layout(mbart_config(decoder_start_token_id=start))
    assert layout.encoder == (Slot.TEXT, Slot.EOS, Slot.SOURCE_LANG)
    assert layout.decoder == (Slot.TARGET_LANG,)
    assert layout.forced is None
