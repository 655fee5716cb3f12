"""A network without weights: all shapes, no data, and no part of PyTorch that it does not need."""

import subprocess
import sys

from model.transformer.seq2seq import Seq2SeqTransformer
from model.transformer.unloaded import unloaded
from tests.support.engine.factories import make_config

LOAD_AND_TRANSLATE = """
import sys
from model import TextModel

model = TextModel.load("bundled/translate")
model.translate("Good morning.", source_lang="en", target_lang="de")
model.translate("Good morning.", source_lang="en", target_lang="de", num_beams=4)
assert "torch._dynamo" not in sys.modules
"""


def test_parameters_have_names_and_shapes_but_no_data() -> None:
    config = make_config()
    parameters = dict(unloaded(config).named_parameters())
    expected = dict(Seq2SeqTransformer(config).named_parameters())
    assert {n: p.shape for n, p in parameters.items()} == {n: p.shape for n, p in expected.items()}
    assert all(parameter.is_meta for parameter in parameters.values())


def test_a_network_made_afterwards_is_initialized() -> None:
    config = make_config()
    unloaded(config)
    assert Seq2SeqTransformer(config).embedding.weight.float().std() > 0


def test_translating_imports_no_compiler() -> None:
    subprocess.run([sys.executable, "-c", LOAD_AND_TRANSLATE], check=True)  # noqa: S603 - own code
