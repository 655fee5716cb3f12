"""Loads a checkpoint folder as a model ready to serve; the parts of `model` meet here only."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from model.confidence import Calibration, confidence, read_calibration
from model.config import TransformerConfig
from model.devices import (
    DtypeName,
    Precision,
    choose_packing,
    choose_precision,
    resolve_device,
)
from model.engine.config import TokenRules
from model.errors import CheckpointError, ConfigError
from model.families.family import Family, HfConfig, network_config
from model.families.prompting import Prompter
from model.families.registry import family_of
from model.generation_config import (
    complete_config,
    generation_defaults,
    read_generation_config,
    task_params,
    task_prefix,
    token_rules,
    tokenizer_settings,
)
from model.json_file import read_json_object
from model.tokenizer.char_spans import CharSpan
from model.tokenizer.languages import LanguageTags
from model.tokenizer.prompt import Prompt, Task
from model.tokenizer.tokenizer import Tokenizer
from model.tokenizer.tolerant import TolerantTokenizer
from model.tokenizer.vocabulary import read_tokenizer_config
from model.transformer.packing import PackedLayer
from model.transformer.seq2seq import Seq2SeqTransformer
from model.weights.checkpoint import Checkpoint
from model.weights.loading import load_network

BUNDLED = Path(__file__).parent / "bundled"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """One checkpoint in memory: network, tokenizer, prompts and defaults.

    `hf_config` is config.json, completed by generation_config.json. `generation` holds the
    checkpoint's own defaults for `GenerationParams`, by field name. `calibration` is that of
    `confidence.json`, if the checkpoint has one.
    """

    family: Family
    hf_config: HfConfig
    config: TransformerConfig
    network: Seq2SeqTransformer
    tokenizer: TolerantTokenizer
    prompter: Prompter
    rules: TokenRules
    generation: dict[str, Any]
    precision: Precision
    device: torch.device
    calibration: Calibration | None = None

    def confidence(self, source: str, output: str, log_probs: Sequence[float]) -> float:
        """Return the confidence in an output, 0 to 1; see `model.confidence`.

        Args:
            source: What the model read.
            output: What it wrote.
            log_probs: Of the output's tokens and its end; at least one.
        """
        return confidence(source, output, log_probs, calibration=self.calibration)

    def prompt(self, text: str, task: Task, *, prefix: str | None = None) -> Prompt:
        """Return the token ids that the engine reads for a text.

        Args:
            text: The source.
            task: Translation or summarization, with its languages or style.
            prefix: Text in front of the source that names the task to the network; None is the
                checkpoint's own prefix for the task, if it has one.

        Raises:
            UnsupportedTaskError: The vocabulary has no tag for a language, or for the style.
        """
        return self.prompter.prompt(text, task, prefix=self._prefix(task, prefix))

    def source_spans(self, text: str, task: Task, *, prefix: str | None = None) -> list[CharSpan]:
        """Return the characters of a text that each encoder id of its `prompt` stands for.

        Special tokens and the prefix have empty spans.
        """
        return self.prompter.source_spans(text, task, prefix=self._prefix(task, prefix))

    def _prefix(self, task: Task, given: str | None) -> str:
        if given is not None:
            return given
        return task_prefix(self.hf_config, task, general=self.family.prefixes)

    def generation_for(self, task: Task) -> dict[str, Any]:
        """Return `generation`, overridden by the checkpoint's defaults for this task."""
        return self.generation | generation_defaults(task_params(self.hf_config, task))

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages that the vocabulary has tags for; empty if it has no tags."""
        return self.prompter.languages.codes

    @property
    def weights_bytes(self) -> int:
        """Bytes of memory of the weights; a shared tensor counts once."""
        tensors = {
            id(value): value.nbytes
            for module in self.network.modules()
            for value in (
                *vars(module).values(),
                *module.parameters(recurse=False),
                *module.buffers(recurse=False),
            )
            if isinstance(value, torch.Tensor)
        }
        packed: dict[int, int] = {}
        for module in self.network.modules():
            if isinstance(module, PackedLayer):
                key = id(module.packed)
                packed[key] = max(packed.get(key, 0), module.packed_bytes)
        return sum(tensors.values()) + sum(packed.values())

    @property
    def dtype(self) -> DtypeName:
        """The type of the weights, never auto."""
        return self.precision.weights

    @property
    def cache_dtype(self) -> torch.dtype:
        """The type of the KV cache."""
        return self.precision.cache


def load_model(
    path: Path,
    *,
    dtype: DtypeName = "auto",
    device: str = "auto",
    max_positions: int | None = None,
    packs: bool = True,
) -> LoadedModel:
    """Load a checkpoint in Hugging Face's format from a folder.

    Args:
        path: The folder of config.json, safetensors and tokenizer files.
        dtype: The type of the weights; auto is bfloat16 if the device is good at it, else float32.
            int8 is the smallest, and the fastest on CPUs that multiply bytes, with an error of
            about one percent in every product.
        device: `cpu`, `cuda`, `cuda:1`; auto is a GPU if there is one.
        max_positions: The longest sequence, in tokens; None is that of the checkpoint's training.
        packs: Lay layers out for the fastest products. Otherwise the network is plain PyTorch, with
            all its parameters, as training needs it; of float32 only.

    Raises:
        CheckpointError: A file is missing or malformed; the message names it.
        ConfigError: `max_positions` is above the table of learned positions, or there is no such
            dtype or device here.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder")
    hf_config = read_json_object(folder / "config.json")
    generation = read_generation_config(folder, hf_config)
    family = family_of(hf_config)
    config = network_config(family, hf_config)
    if max_positions is not None:
        config = config.with_max_positions(max_positions)
    torch_device = resolve_device(device)
    if not packs and dtype != "float32":
        raise ConfigError(f"dtype: {dtype!r} is laid out for products; a plain network is float32")
    precision = choose_precision(dtype, torch_device, config)
    settings = read_tokenizer_config(folder).settings
    tokenizer = TolerantTokenizer(
        family.load_tokenizer(folder), unlearned=settings.get("unlearned_characters", "")
    )
    languages = LanguageTags(tokenizer.added_tokens, pattern=family.language_tag)
    _check_vocabulary(tokenizer, config, languages)
    full_config = {**tokenizer_settings(folder), **complete_config(hf_config, generation)}
    network = load_network(
        config,
        Checkpoint(folder),
        family.weights(config),
        dtype=precision.activations,
        device=torch_device,
        packing=choose_packing(precision, torch_device, config) if packs else None,
    )
    return LoadedModel(
        family=family,
        hf_config=full_config,
        config=network.config,
        network=network,
        tokenizer=tokenizer,
        prompter=Prompter(
            layout=family.layout(full_config),
            tokenizer=tokenizer,
            languages=languages,
            hf_config=full_config,
        ),
        rules=token_rules(generation, vocab_size=config.target_vocab_size),
        generation=generation_defaults(generation),
        precision=precision,
        device=torch_device,
        calibration=read_calibration(folder),
    )


def _check_vocabulary(
    tokenizer: Tokenizer, config: TransformerConfig, languages: LanguageTags
) -> None:
    """Raise CheckpointError if a text token or language tag has no row in an embedding table.

    Other special tokens may lie beyond the table: BART's `<mask>` does in fine-tuned checkpoints.
    """
    source_special = {tokenizer.token_to_id(token) for token in tokenizer.added_tokens}
    tags = {tokenizer.token_to_id(languages.find(code) or "") for code in languages.codes}
    source = "vocab_size", config.vocab_size, tokenizer.source_vocab_size, source_special
    limit, size = config.target_vocab_size, tokenizer.vocab_size
    target = "decoder_vocab_size", limit, size, {*tokenizer.special_ids}
    for key, limit, size, special in (source, target):
        silent = special - tags
        beyond = next((token_id for token_id in range(limit, size) if token_id not in silent), None)
        if beyond is not None:
            raise CheckpointError(f"the tokenizer has a token {beyond}, but {key} is {limit}")
