"""Every contender loads the same weights and does the same work."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from loadtests.engine.checkpoints import make_checkpoint, never_chosen
from loadtests.engine.contenders import Contender, Dragoman
from loadtests.engine.network import Kind, Network
from loadtests.engine.peers import CTranslate2, Transformers, convert
from loadtests.engine.workload import Workload, random_workload, real_workload

NUM_NEW_TOKENS = 6
KINDS: tuple[Kind, ...] = ("marian", "bart", "t5")


def tiny(kind: Kind) -> Network:
    return Network(
        kind=kind,
        vocab_size=500,
        d_model=32,
        d_ff=48,
        num_heads=2,
        d_head=8 if kind == "t5" else 16,
        encoder_layers=2,
        decoder_layers=2,
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    pytest.importorskip("ctranslate2")
    return tmp_path_factory.mktemp("checkpoints")


def make_contenders(network: Network, cache: Path) -> list[Contender]:
    checkpoint = make_checkpoint(network, cache)
    contenders: list[Contender] = [
        Dragoman(checkpoint, dtype=dtype, device="cpu", max_rows=8, max_tokens=(16, 8))
        for dtype in ("float32", "bfloat16", "int8")
    ]
    contenders += [
        Transformers(checkpoint, dtype=dtype, device="cpu") for dtype in ("float32", "bfloat16")
    ]
    for dtype in ("float32", "int8"):
        converted = checkpoint / f"ctranslate2-{dtype}"
        convert(checkpoint, converted, dtype=dtype)
        contenders.append(CTranslate2(converted, dtype=dtype, device="cpu", num_threads=1))
    return contenders


def make_workload(network: Network) -> Workload:
    return random_workload(network, batch=3, source_tokens=(3, 9), num_new_tokens=NUM_NEW_TOKENS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_contender_decodes_the_same_number_of_tokens(kind: Kind, cache: Path) -> None:
    network = tiny(kind)
    for contender in make_contenders(network, cache):
        for num_beams in (1, 2):
            workload = replace(make_workload(network), num_beams=num_beams)
            outputs = contender.generate(workload)
            assert [len(output) for output in outputs] == [NUM_NEW_TOKENS] * 3, contender.name


def test_a_gated_network_with_an_output_of_its_own_never_ends_early(cache: Path) -> None:
    network = replace(tiny("t5"), gated_ffn=True, tied_output=False)
    for contender in make_contenders(network, cache):
        outputs = contender.generate(make_workload(network))
        assert [len(output) for output in outputs] == [NUM_NEW_TOKENS] * 3, contender.name


@pytest.mark.parametrize("kind", KINDS)
def test_our_float32_gives_the_peers_float32_tokens(kind: Kind, cache: Path) -> None:
    network = tiny(kind)
    outputs = {
        contender.name: contender.generate(make_workload(network))
        for contender in make_contenders(network, cache)
        if "float32" in contender.name
    }
    assert outputs["Dragoman float32"] == outputs["transformers float32"]
    assert outputs["Dragoman float32"] == outputs["CTranslate2 float32"]


def test_the_checkpoint_is_made_once(cache: Path) -> None:
    weights = make_checkpoint(tiny("marian"), cache) / "model.safetensors"
    before = weights.stat().st_mtime_ns
    assert make_checkpoint(tiny("marian"), cache) == weights.parent
    assert weights.stat().st_mtime_ns == before


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_counted_as_the_checkpoint_has_them(kind: Kind, cache: Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    network = tiny(kind)
    with safetensors.safe_open(make_checkpoint(network, cache) / "model.safetensors", "pt") as file:
        sizes = {name: math.prod(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping

    def count(belongs: Callable[[str], bool]) -> int:
        return sum(size for name, size in sizes.items() if belongs(name))

    def is_encoding(name: str) -> bool:
        parts = (".encoder_attn.k", ".encoder_attn.v", "EncDecAttention.k", "EncDecAttention.v")
        return _in_stack(name, "encoder") or any(part in name for part in parts)

    def is_step(name: str) -> bool:
        is_output = name.removeprefix("model.") in ("shared.weight", "final_logits_bias")
        return is_output or (_in_stack(name, "decoder") and not is_encoding(name))

    assert network.encoding_weights == count(is_encoding)
    assert network.step_weights == count(is_step)


def _in_stack(name: str, side: str) -> bool:
    return name.removeprefix("model.").startswith(f"{side}.") and "embed_" not in name


def test_random_sources_hold_no_special_token_but_the_end() -> None:
    for kind in KINDS:
        network = tiny(kind)
        for source in make_workload(network).sources:
            assert set(source) & set(never_chosen(network)) == {source[-1]}


def test_a_batch_of_real_sentences_has_all_lengths_alike() -> None:
    sources = [(1,) * length for length in range(1, 81)]
    assert real_workload(sources, batch=1, max_new_tokens=9).source_tokens == [41]
    eight = real_workload(sources, batch=8, max_new_tokens=9)
    assert sorted(eight.source_tokens) == [6, 16, 26, 36, 46, 56, 66, 76]
    assert eight == real_workload(sources, batch=8, max_new_tokens=9)
    assert len(set(real_workload(sources, batch=128, max_new_tokens=9).sources)) == 80
