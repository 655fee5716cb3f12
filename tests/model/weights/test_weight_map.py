"""Our names of parameters, and those in a checkpoint."""

from collections import Counter
from collections.abc import Mapping

import pytest

from model.families.registry import family_of
from model.weights.weight_map import WeightMap
from tests.support.checkpoints.factories import (
    Json,
    bart_config,
    fresh_network,
    m2m100_config,
    marian_config,
    mbart_config,
    pegasus_config,
    t5_config,
)

WEIGHTS = WeightMap(
    rules={
        "encoder.layers.{}.qkv": ("enc.{}.q", "enc.{}.k", "enc.{}.v"),
        "decoder.final_norm": ("dec.norm",),
    },
    tables={"embedding.weight": ("shared.weight", "enc.embed.weight")},
    tied=(("shared.weight", "enc.embed.weight", "head.weight"),),
    ignored=(r"(enc|dec)\.version",),
)


@pytest.mark.parametrize(
    ("parameter", "sources"),
    [
        pytest.param("decoder.final_norm.bias", ("dec.norm.bias",), id="a module"),
        pytest.param(
            "encoder.layers.3.qkv.weight",
            ("enc.3.q.weight", "enc.3.k.weight", "enc.3.v.weight"),
            id="a fused module of a layer",
        ),
        pytest.param(
            "encoder.layers.12.qkv.bias", ("enc.12.q.bias", "enc.12.k.bias", "enc.12.v.bias"),
            id="a layer of two digits",
        ),
    ],
)  # fmt: skip
def test_the_sources_of_a_parameter(parameter: str, sources: tuple[str, ...]) -> None:
    assert WEIGHTS.sources(parameter, ()) == sources


@pytest.mark.parametrize(
    ("available", "source"),
    [
        pytest.param({"shared.weight", "enc.embed.weight"}, "shared.weight", id="both"),
        pytest.param({"enc.embed.weight"}, "enc.embed.weight", id="the second"),
        pytest.param(set(), "shared.weight", id="none: the first is missed"),
    ],
)
def test_a_table_is_read_under_the_first_name_there_is(available: set[str], source: str) -> None:
    assert WEIGHTS.sources("embedding.weight", available) == (source,)


def test_a_parameter_without_a_rule_is_a_fault_of_the_family() -> None:
    with pytest.raises(KeyError, match="positions"):
        WEIGHTS.sources("encoder.positions.weight", ())


def test_a_checkpoint_of_the_stacks_alone_leaves_the_prefix_off() -> None:
    weights = WeightMap(
        rules={"encoder.layers.{}.qkv": ("model.{}.q", "model.{}.k")}, prefix="model."
    )
    named = ("model.3.q.weight", "model.3.k.weight")
    bare = ("3.q.weight", "3.k.weight")
    assert weights.sources("encoder.layers.3.qkv.weight", named) == named
    assert weights.sources("encoder.layers.3.qkv.weight", bare) == bare
    assert weights.sources("encoder.layers.3.qkv.weight", ()) == named


def test_only_names_that_nobody_knows_are_unused() -> None:
    available = ["dec.norm.bias", "head.weight", "enc.version", "enc.versions", "a", "new.weight"]
    assert WEIGHTS.unused(available, ["dec.norm.bias"]) == ["a", "enc.versions", "new.weight"]


def test_an_output_that_may_be_one_of_its_own_is_known_whether_it_is_or_not() -> None:
    weights = WeightMap({}, {"output.weight": ("head.weight",)}, own_output="head.weight")
    assert weights.unused(["head.weight"], ()) == []
    assert weights.unused(["head.weight"], ["head.weight"]) == []


TABLES: Mapping[str, Json] = {
    "as usual": {},
    "untied": {"tie_word_embeddings": False},
    "two tables": {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 40},
}
CONFIGS = {
    f"{make()['model_type']}, {name}": make(**changes)
    for make in (marian_config, bart_config, mbart_config, pegasus_config, m2m100_config)
    for name, changes in TABLES.items()
}
CONFIGS |= {
    f"{model_type}, {feed_forward}": t5_config(
        model_type=model_type, feed_forward_proj=feed_forward
    )
    for model_type in ("t5", "mt5", "umt5")
    for feed_forward in ("relu", "gated-gelu")
}
each_config = pytest.mark.parametrize("hf_config", CONFIGS.values(), ids=CONFIGS)


@each_config
def test_every_parameter_has_a_rule_and_nothing_is_read_twice(hf_config: Json) -> None:
    network = fresh_network(hf_config)
    weights = family_of(hf_config).weights(network.config)
    read = Counter(
        source for name, _ in network.named_parameters() for source in weights.sources(name, ())
    )
    assert max(read.values()) == 1
    assert weights.unused(read, read) == []


@each_config
def test_no_name_of_an_unknown_layer_is_ignored(hf_config: Json) -> None:
    config = family_of(hf_config).architecture(hf_config)
    weights = family_of(hf_config).weights(config)
    unknown = ["model.encoder.layer_norm.weight", "model.encoder.layers.7.fc1.weight"]
    assert weights.unused(unknown, ()) == unknown
