"""A random checkpoint of a chosen shape, in Marian's format, that every contender can load.

Speed does not depend on what the weights say, so nothing is downloaded. The output bias of the end
and padding tokens is so low that they are never chosen: each output has exactly the asked length.
"""

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtests.corpus import SENTENCES

EOS_ID = 0
_UNK_ID = 1
_GAIN = 4.0  # sharp attention: the output depends on the source
_NEVER = -1e4  # added to the logit of a token that must not be chosen; exact in bfloat16


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of an encoder-decoder transformer; the default is OPUS-MT's base model."""

    d_model: int = 512
    num_layers: int = 6
    num_heads: int = 8
    d_ff: int = 2048
    vocab_size: int = 58_101

    @property
    def pad_id(self) -> int:
        """Padding, and what the decoder starts with."""
        return self.vocab_size - 1

    @property
    def step_parameters(self) -> int:
        """Weights that one decode step reads: the decoder's, less what runs once per request.

        The vocabulary counts once, as output; a step reads only a few rows of it as input. The
        cross-attention's keys and values are computed when the request is encoded.
        """
        attention = self.d_model * (self.d_model + 1)
        feed_forward = 2 * self.d_model * self.d_ff + self.d_ff + self.d_model
        norms = 3 * 2 * self.d_model
        layer = 6 * attention + feed_forward + norms
        return self.num_layers * layer + self.vocab_size * (self.d_model + 1)


def make_checkpoint(shape: Shape, cache: Path) -> Path:
    """The folder of the checkpoint; made on the first call, found again on the next.

    Raises:
        ImportError: `transformers` or `sentencepiece`, which write it, is not installed.
    """
    name = "-".join(f"{key}{value}" for key, value in asdict(shape).items())
    folder = cache / name
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_network(shape, folder)
        _write_vocabulary(shape, folder)
        (folder / "done").touch()
    return folder


def _write_network(shape: Shape, folder: Path) -> None:
    import torch  # noqa: PLC0415 - the shape alone needs neither
    from transformers import GenerationConfig, MarianConfig, MarianMTModel  # noqa: PLC0415

    config = MarianConfig(
        vocab_size=shape.vocab_size,
        d_model=shape.d_model,
        encoder_layers=shape.num_layers,
        decoder_layers=shape.num_layers,
        encoder_attention_heads=shape.num_heads,
        decoder_attention_heads=shape.num_heads,
        encoder_ffn_dim=shape.d_ff,
        decoder_ffn_dim=shape.d_ff,
        max_position_embeddings=512,
        activation_function="swish",
        eos_token_id=EOS_ID,
        pad_token_id=shape.pad_id,
        decoder_start_token_id=shape.pad_id,
        forced_eos_token_id=None,
        scale_embedding=True,
        init_std=shape.d_model**-0.5,
    )
    torch.manual_seed(0)
    network = MarianMTModel(config)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(("q_proj.weight", "k_proj.weight")):
                parameter.mul_(_GAIN)
    network.get_buffer("final_logits_bias")[0, [EOS_ID, _UNK_ID, shape.pad_id]] = _NEVER
    network.generation_config = GenerationConfig(
        decoder_start_token_id=shape.pad_id, eos_token_id=EOS_ID, pad_token_id=shape.pad_id
    )
    network.save_pretrained(folder)


def _write_vocabulary(shape: Shape, folder: Path) -> None:
    """SentencePiece files that load; the benchmark itself speaks in token ids."""
    import sentencepiece  # noqa: PLC0415

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=model,
        vocab_size=min(shape.vocab_size - 4, 400),
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
    tokens += [f"filler{index}" for index in range(len(tokens), shape.vocab_size - 1)]
    tokens.append("<pad>")
    vocabulary = {token: index for index, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    config = {"source_lang": "en", "target_lang": "de", "tokenizer_class": "MarianTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
