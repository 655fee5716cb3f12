"""M2M100 and NLLB-200: network, languages, and the tokens around a text."""

import pytest

from model.config import Norm, Sinusoidal
from model.errors import CheckpointError
from model.families.layout import Slot
from model.families.m2m100 import LANGUAGE_TAG, M2M100
from model.tokenizer.languages import LanguageTags
from tests.support.checkpoints.factories import m2m100_config


def test_the_network_is_pre_norm_with_fairseqs_sinusoids() -> None:
    config = M2M100.architecture(m2m100_config())
    assert config.norm == Norm(placement="pre")
    assert config.final_norm
    assert config.positions == Sinusoidal(first=2, spacing="half_minus_one")
    assert not config.output_bias
    assert not config.embedding_norm


def test_positions_are_counted_from_the_padding_on() -> None:
    config = M2M100.architecture(m2m100_config(pad_token_id=5))
    assert config.positions == Sinusoidal(first=6, spacing="half_minus_one")


def test_there_is_no_counting_without_a_padding() -> None:
    with pytest.raises(CheckpointError, match="'pad_token_id' is missing"):
        M2M100.architecture(m2m100_config(pad_token_id=None))


def test_texts_longer_than_those_of_the_training_can_be_read() -> None:
    config = M2M100.architecture(m2m100_config()).with_max_positions(5000)
    assert config.max_positions == 5000


def test_the_source_is_tagged_and_the_targets_tag_is_said_first() -> None:
    layout = M2M100.layout(m2m100_config())
    assert layout.encoder == (Slot.SOURCE_LANG, Slot.TEXT, Slot.EOS)
    assert layout.decoder == (Slot.START,)
    assert layout.forced is Slot.TARGET_LANG


def test_a_checkpoint_of_the_old_behaviour_has_the_sources_tag_at_the_end() -> None:
    layout = M2M100.layout(m2m100_config(legacy_behaviour=True))
    assert layout.encoder == (Slot.TEXT, Slot.EOS, Slot.SOURCE_LANG)
    assert layout.forced is Slot.TARGET_LANG


@pytest.mark.parametrize("tag", ["__de__", "__ast__", "deu_Latn", "zho_Hans"])
def test_both_ways_to_write_a_language_are_known(tag: str) -> None:
    tags = LanguageTags([tag], pattern=LANGUAGE_TAG)
    assert tags.find(tag.strip("_")) == tag


@pytest.mark.parametrize("token", ["de", "__de", "de__", "____", "<mask>", "_deu_Latn", "de_DE"])
def test_nothing_else_is_a_language(token: str) -> None:
    assert LanguageTags([token], pattern=LANGUAGE_TAG).codes == ()
