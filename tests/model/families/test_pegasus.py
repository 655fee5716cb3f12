"""PEGASUS: its network, and the tokens around a text."""

from model.config import Norm, Sinusoidal
from model.families.layout import Layout, Slot
from model.families.pegasus import PEGASUS
from tests.support.checkpoints.factories import pegasus_config


def test_the_network_is_pre_norm_with_sinusoids() -> None:
    config = PEGASUS.architecture(pegasus_config())
    assert config.norm == Norm(placement="pre")
    assert config.final_norm
    assert config.positions == Sinusoidal()
    assert config.output_bias
    assert not config.embedding_norm


def test_the_text_is_followed_by_its_end() -> None:
    assert PEGASUS.layout(pegasus_config()) == Layout(encoder=(Slot.TEXT, Slot.EOS))
