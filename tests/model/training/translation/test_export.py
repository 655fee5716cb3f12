from pathlib import Path

import ctranslate2
import pytest
import torch
from transformers import MarianMTModel, MarianTokenizer

from model.load import load_model
from model.tokenizer.prompt import Translation
from model.training.translation.evaluation import translate_all
from model.training.translation.export import export_marian
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.checkpoints.translation_training import make_pairs, make_trainer, make_vocabulary

SOURCE = torch.tensor([[117, 10, 20, 30, 0], [118, 11, 21, 0, 119]])
TARGET = torch.tensor([[119, 40, 50], [119, 41, 51]])
MASK = SOURCE != 119


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Seq2SeqTransformer:
    """Return a network that has learnt the toy language: its outputs end."""
    trainer = make_trainer(tmp_path_factory.mktemp("run"), max_steps=150)
    list(trainer.steps())
    return trainer.network.eval()


@pytest.fixture(scope="module")
def checkpoint(trained: Seq2SeqTransformer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    export_marian(trained, make_vocabulary(), folder, dtype=torch.float32)
    return folder


@torch.no_grad()
def test_our_loader_computes_the_same_logits(trained: Seq2SeqTransformer, checkpoint: Path) -> None:
    loaded = load_model(checkpoint, dtype="float32", device="cpu").network
    expected = trained(SOURCE, TARGET, encoder_mask=MASK)
    torch.testing.assert_close(loaded(SOURCE, TARGET, encoder_mask=MASK), expected)


@torch.no_grad()
def test_transformers_computes_the_same_logits(
    trained: Seq2SeqTransformer, checkpoint: Path
) -> None:
    theirs = MarianMTModel.from_pretrained(checkpoint, dtype=torch.float32).eval()
    logits = theirs(input_ids=SOURCE, attention_mask=MASK, decoder_input_ids=TARGET).logits
    expected = trained(SOURCE, TARGET, encoder_mask=MASK)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")
def test_transformers_translates_alike_by_default_settings(checkpoint: Path) -> None:
    tokenizer = MarianTokenizer.from_pretrained(checkpoint)
    theirs = MarianMTModel.from_pretrained(checkpoint, dtype=torch.float32).eval()
    texts = [pair.source for pair in make_pairs()[::9]]
    inputs = tokenizer([f">>de<< {text}" for text in texts], return_tensors="pt", padding=True)
    expected = tokenizer.batch_decode(theirs.generate(**inputs), skip_special_tokens=True)
    loaded = load_model(checkpoint, dtype="float32", device="cpu")
    beams = loaded.generation["num_beams"]
    assert translate_all(loaded, texts, target="de", num_beams=beams) == expected


def test_the_prompt_asks_for_the_language_by_its_tag(checkpoint: Path) -> None:
    prompt = load_model(checkpoint, device="cpu").prompt("Milk.", Translation(target_lang="en"))
    vocabulary = make_vocabulary()
    assert prompt.encoder_ids[0] == vocabulary.tag_id("en")
    assert prompt.encoder_ids[-1] == vocabulary.eos_id
    assert prompt.decoder_prefix_ids == (vocabulary.pad_id,)


def test_the_weights_on_disk_are_bfloat16_unless_told_otherwise(
    trained: Seq2SeqTransformer, tmp_path: Path
) -> None:
    export_marian(trained, make_vocabulary(), tmp_path)
    reread = load_model(tmp_path, dtype="float32", device="cpu").network
    expected = trained.embedding.weight.to(torch.bfloat16).float()
    torch.testing.assert_close(reread.embedding.weight.data, expected, rtol=0, atol=0)
    assert (tmp_path / "model.safetensors").stat().st_size < 2.2 * trained.num_parameters + 20_000


def test_the_decoder_starts_from_nothing_as_in_every_marian(
    trained: Seq2SeqTransformer,
) -> None:
    assert not trained.embedding.weight[make_vocabulary().pad_id].any()


@pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")
def test_ctranslate2_converts_it_and_translates_alike(checkpoint: Path, tmp_path: Path) -> None:
    converter = ctranslate2.converters.TransformersConverter(str(checkpoint))
    converter.convert(str(tmp_path / "converted"))
    translator = ctranslate2.Translator(str(tmp_path / "converted"), intra_threads=1)
    loaded = load_model(checkpoint, dtype="float32", device="cpu")
    texts = [pair.source for pair in make_pairs()[::9]]
    tokens = make_vocabulary().tokens
    prompts = [loaded.prompt(text, Translation(target_lang="de")) for text in texts]
    results = translator.translate_batch(
        [[tokens[i] for i in prompt.encoder_ids] for prompt in prompts], beam_size=1
    )
    expected = translate_all(loaded, texts, target="de", num_beams=1)
    ids = {token: i for i, token in enumerate(tokens)}
    found = [[ids[token] for token in result.hypotheses[0]] for result in results]
    assert [make_vocabulary().decode(row) for row in found] == expected
