"""Random checkpoints of a chosen network that every contender can load.

Speed does not depend on the values of the weights, so nothing is downloaded. The tokens that end or
pad an output can never be chosen: each output has exactly the requested length. Where the output
projection has a bias, theirs is very low. T5's has none, so their rows are zeros, and the best of
thousands of random logits is above zero.
"""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loadtests.corpus import SENTENCES
from loadtests.engine.network import Network

_GAIN = 4.0  # sharp attention: the output depends on the source
_NEVER = -1e4  # added to the logit of a token that must not be chosen; exact in bfloat16
_LARGE = 200_000_000  # weights; larger networks are stored in bfloat16, for the disk's sake
_PIECES = 400  # of Marian's vocabulary; the benchmark itself uses token ids


def end_id(network: Network) -> int:
    """Return the id of the end of sentence."""
    return {"marian": 0, "bart": 2, "t5": 1}[network.kind]


def pad_id(network: Network) -> int:
    """Return the id of padding, which is also the decoder start of Marian and T5."""
    return {"marian": network.vocab_size - 1, "bart": 1, "t5": 0}[network.kind]


def never_chosen(network: Network) -> list[int]:
    """Return the ids that no contender may generate: end, padding and other special tokens."""
    return {"marian": [0, 1, network.vocab_size - 1], "bart": [0, 1, 2, 3], "t5": [0, 1, 2]}[
        network.kind
    ]


def make_checkpoint(network: Network, cache: Path) -> Path:
    """Return the folder of the checkpoint; make it unless it is in the cache.

    Raises:
        ImportError: `transformers` or `sentencepiece`, which write it, is not installed.
    """
    name = "-".join(f"{key}{value}" for key, value in asdict(network).items())
    folder = cache / name.replace("_", "")
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_network(network, folder)
        if network.kind == "marian":
            _write_pieces(network, folder)
        else:
            _write_byte_pairs(network, folder)
        (folder / "done").touch()
    return folder


def _write_network(network: Network, folder: Path) -> None:
    import torch  # noqa: PLC0415 - the names of the shapes alone need neither
    from transformers import AutoModelForSeq2SeqLM, GenerationConfig  # noqa: PLC0415

    config = _config(network)
    is_large = network.encoding_weights + network.step_weights > _LARGE
    torch.manual_seed(0)
    with _default_dtype(torch.bfloat16 if is_large else torch.float32):
        model: Any = AutoModelForSeq2SeqLM.from_config(config)
    ids = never_chosen(network)
    with torch.no_grad():
        if network.kind == "t5":
            model.lm_head.weight[ids] = 0.0
        else:
            model.get_buffer("final_logits_bias")[0, ids] = _NEVER
            for name, parameter in model.named_parameters():
                if name.endswith(("q_proj.weight", "k_proj.weight")):
                    parameter.mul_(_GAIN)
    model.generation_config = GenerationConfig(
        decoder_start_token_id=config.decoder_start_token_id,
        eos_token_id=end_id(network),
        pad_token_id=pad_id(network),
    )
    model.save_pretrained(folder)


def _config(network: Network) -> Any:
    """Return `transformers`' configuration of the network."""
    from transformers import BartConfig, MarianConfig, T5Config  # noqa: PLC0415

    sides = ("encoder", "decoder")
    start = end_id(network) if network.kind == "bart" else pad_id(network)
    common: dict[str, Any] = {
        "vocab_size": network.vocab_size,
        "d_model": network.d_model,
        "eos_token_id": end_id(network),
        "pad_token_id": pad_id(network),
        "decoder_start_token_id": start,
    }
    if network.kind == "t5":
        common |= {
            "d_kv": network.d_head,
            "d_ff": network.d_ff,
            "num_heads": network.num_heads,
            "num_layers": network.encoder_layers,
            "num_decoder_layers": network.decoder_layers,
            "feed_forward_proj": "gated-gelu" if network.gated_ffn else "relu",
            "tie_word_embeddings": network.tied_output,
        }
        return T5Config(**common)
    layers = (network.encoder_layers, network.decoder_layers)
    common |= {f"{side}_layers": count for side, count in zip(sides, layers, strict=True)}
    common |= {f"{side}_attention_heads": network.num_heads for side in sides}
    common |= {f"{side}_ffn_dim": network.d_ff for side in sides}
    common |= {"forced_eos_token_id": None, "init_std": network.d_model**-0.5}
    if network.kind == "bart":
        common |= {"normalize_before": False, "normalize_embedding": True}  # as published ones have
        return BartConfig(**common, max_position_embeddings=1024, activation_function="gelu")
    return MarianConfig(
        **common, max_position_embeddings=512, activation_function="swish", scale_embedding=True
    )


@contextmanager
def _default_dtype(dtype: Any) -> Iterator[None]:
    import torch  # noqa: PLC0415

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _write_pieces(network: Network, folder: Path) -> None:
    """Write Marian's vocabulary: a few real pieces, and many unused entries."""
    import sentencepiece  # noqa: PLC0415

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=model,
        vocab_size=min(network.vocab_size - 4, _PIECES),
        hard_vocab_limit=False,
        eos_id=0,
        unk_id=1,
        bos_id=-1,
        minloglevel=2,
    )
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    tokens = [processor.id_to_piece(index) for index in range(processor.get_piece_size())]
    tokens += [f"filler{index}" for index in range(len(tokens), network.vocab_size - 1)]
    tokens.append("<pad>")
    vocabulary = {token: index for index, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    config = {"source_lang": "en", "target_lang": "de", "tokenizer_class": "MarianTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def _write_byte_pairs(network: Network, folder: Path) -> None:
    """Write a tokenizer.json of single bytes, special tokens, and many unused entries."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415

    special = {
        "bart": ["<s>", "<pad>", "</s>", "<unk>"],
        "t5": ["<pad>", "</s>", "<unk>"],
    }[network.kind]
    tokens = special + sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens += [f"filler{index}" for index in range(len(tokens), network.vocab_size)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    if network.kind == "bart":
        named |= {"bos_token": "<s>"}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **named}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
