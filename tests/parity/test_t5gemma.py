"""T5Gemma from a folder with a tokenizer: prompts and outputs."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from model.engine.params import GenerationParams
from model.kernels.packing import KernelPacking
from model.load import load_model
from model.tokenizer.prompt import Prompt, Summarization
from model.transformer.packing import pack
from tests.parity.references import Changes, generated, load, save
from tests.parity.references_t5gemma import T5GEMMA
from tests.support.checkpoints.tokenizers import (
    GEMMA_PIECES,
    make_sentences,
    spm_pieces,
    train_spm,
    write_spm_tokenizer,
)
from tests.support.engine.factories import answer, make_engine
from tests.support.engine.kernel_engines import kernel_engine
from tests.support.service.machines import needs_kernels

TEXTS = ("the book", " The lazy  dog\njumps over 1999 windows!", "straße", "")


@pytest.fixture(scope="module")
def spm() -> bytes:
    return train_spm(make_sentences(count=300), **GEMMA_PIECES)


def write_checkpoint(folder: Path, spm: bytes, *, adds_eos: bool = False) -> Any:
    """Write a tiny random model and its tokenizer; return the model of `transformers`."""
    write_spm_tokenizer(
        folder,
        spm=spm,
        file="tokenizer.model",
        tokenizer_class="GemmaTokenizer",
        add_bos_token=True,
        add_eos_token=adds_eos,
    )
    theirs = T5GEMMA.make(vocab_size=len(spm_pieces(spm)), hidden_size=64, eos_bias=1.0)
    save(theirs, folder)
    return theirs


@pytest.mark.parametrize("adds_eos", [False, True])
def test_a_text_is_read_as_in_transformers(tmp_path: Path, spm: bytes, *, adds_eos: bool) -> None:
    write_checkpoint(tmp_path, spm, adds_eos=adds_eos)
    ours, theirs = load_model(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        prompt = ours.prompt(text, Summarization())
        assert list(prompt.encoder_ids) == theirs(text).input_ids
        assert prompt.decoder_prefix_ids == (theirs.bos_token_id,)


@pytest.mark.parametrize("num_beams", [1, 4])
def test_a_text_is_answered_as_in_transformers(tmp_path: Path, spm: bytes, num_beams: int) -> None:
    theirs = write_checkpoint(tmp_path, spm)
    ours = load_model(tmp_path, dtype="float32", device="cpu")
    engine = make_engine(network=ours.network, rules=ours.rules)
    for text in TEXTS:
        prompt = ours.prompt(text, Summarization())
        params = GenerationParams(max_new_tokens=12, num_beams=num_beams)
        token_ids = answer(engine, prompt, params).hypotheses[0].token_ids
        ids = torch.tensor([prompt.encoder_ids])
        mask = torch.ones_like(ids)
        (expected,) = theirs.generate(
            ids, attention_mask=mask, num_beams=num_beams, max_new_tokens=12
        )
        assert list(token_ids) == generated(expected, sorted(ours.rules.eos_ids))


@needs_kernels
@pytest.mark.usefixtures("every_level")
@pytest.mark.parametrize("changes", T5GEMMA.shapes.values(), ids=T5GEMMA.shapes)
def test_our_own_kernels_give_the_tokens_of_pytorch_in_every_shape(
    tmp_path: Path, changes: Changes
) -> None:
    """Also of sequences in which windows leave out whole blocks of 16 tokens."""
    ours = load(save(T5GEMMA.make(**changes), tmp_path))
    packed = copy.deepcopy(ours.network)
    pack(packed, KernelPacking(torch.float32))
    plain = make_engine(network=ours.network, rules=ours.rules)
    kernels = kernel_engine(packed, rules=ours.rules, cache_dtype=torch.float32)
    for length, num_beams in ((1, 1), (3, 4), (40, 1), (41, 4)):
        source = torch.randint(3, 50, (length,), generator=torch.Generator().manual_seed(length))
        prompt = Prompt(tuple(source.tolist()), (2,))
        params = GenerationParams(
            max_new_tokens=44, min_new_tokens=40, num_beams=num_beams, return_scores=True
        )
        (expected,) = answer(plain, prompt, params).hypotheses
        (found,) = answer(kernels, prompt, params).hypotheses
        assert found.token_ids == expected.token_ids
        assert found.score == pytest.approx(expected.score, abs=1e-3)
