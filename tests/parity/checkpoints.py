"""Tiny random checkpoints of every published kind, complete, and saved by `transformers`.

Their tokenizers are read from the files of a published checkpoint, and saved beside the network by
`transformers`, most as one `tokenizer.json`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from tests.parity.references import Changes, ReferenceFamily, save

EN_DE = ("--from", "en", "--to", "de")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of published checkpoint.

    Attributes:
        family: Ours, by name.
        reference: How its network is made.
        tokenizer: Their tokenizer, from the files of a published checkpoint in a folder.
        start: The token that the decoder begins with, by the checkpoint's files.
        seed, eos_bias, changes: For `ReferenceFamily.make`; such that answers vary, and end.
        tasks: `task_specific_params` of config.json.
        generation: Keys of generation_config.json, as published.
        options: The options of our command.
        asked: The equivalent attributes of their tokenizer.
        before: The equivalent text in front of the source.
        forced: The equivalent forced first token.
        started: The equivalent decoder start, other than `start`.
        params: The equivalent parameters of `generate`.
    """

    family: str
    reference: ReferenceFamily
    tokenizer: Callable[[Path], Any]
    start: str
    seed: int
    eos_bias: float
    changes: Changes = field(default_factory=dict)
    tasks: Changes = field(default_factory=dict)
    generation: Changes = field(default_factory=dict)
    options: Sequence[str] = EN_DE
    asked: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    forced: str | None = None
    started: str | None = None
    params: Changes = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write a checkpoint and its tokenizer by `transformers`."""
        tokenizer = self.tokenizer(folder / "published")
        tokenizer.save_pretrained(folder)
        names = ("bos_token_id", "eos_token_id", "pad_token_id")
        ids = {name: getattr(tokenizer, name) for name in names}
        model = self.reference.make(
            seed=self.seed,
            eos_bias=self.eos_bias,
            vocab_size=_num_tokens(tokenizer),
            decoder_start_token_id=tokenizer.convert_tokens_to_ids(self.start),
            **{name: id_ for name, id_ in ids.items() if id_ is not None},
            **self.changes,
        )
        save(model, folder, generation=self.generation)
        if self.tasks:
            path = folder / "config.json"
            config = json.loads(path.read_text(encoding="utf-8"))
            path.write_text(json.dumps({**config, "task_specific_params": self.tasks}))
        return folder

    def answer(self, folder: Path, text: str, *, max_new_tokens: int) -> str:
        """Return the output of `transformers` for a text, without language tags.

        It would decode M2M100's to text, as no file lists them as special.
        """
        model, tokenizer = read_network(folder), AutoTokenizer.from_pretrained(folder)
        for name, value in self.asked.items():
            setattr(tokenizer, name, value)
        tokens = {"forced_bos_token_id": self.forced, "decoder_start_token_id": self.started}
        ids = {
            key: tokenizer.convert_tokens_to_ids(token) for key, token in tokens.items() if token
        }
        inputs = tokenizer(self.before + text, return_tensors="pt")
        (sequence,) = model.generate(
            inputs.input_ids,
            attention_mask=inputs.attention_mask,
            **{**self.params, **ids, "max_new_tokens": max_new_tokens},
        )
        tags = getattr(tokenizer, "lang_token_to_id", {}).values()
        said = [id_ for id_ in sequence.tolist() if id_ not in tags]
        return str(tokenizer.decode(said, skip_special_tokens=True))


def read_network(folder: Path) -> Any:
    """Return the network by `transformers`; its fused attention leaves out T5Gemma's softcaps."""
    return AutoModelForSeq2SeqLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )


def _num_tokens(tokenizer: Any) -> int:
    """Return the number of tokens, with those of M2M100 in no file: languages and eight unused."""
    languages = getattr(tokenizer, "lang_token_to_id", {})
    spare = getattr(tokenizer, "num_madeup_words", 0) if languages else 0
    ids: list[int] = [*tokenizer.get_vocab().values(), *languages.values()]
    return max(ids) + 1 + spare
