"""Loads the tokenizer of a checkpoint's folder from any of the formats."""

from collections.abc import Sequence
from pathlib import Path

from model.tokenizer.byte_pairs import load_byte_pair_tokenizer
from model.tokenizer.byte_tokenizer import ByteTokenizer
from model.tokenizer.layout import TokenizerLayout
from model.tokenizer.sentencepiece import load_sentencepiece_tokenizer
from model.tokenizer.tokenizer import Tokenizer
from model.tokenizer.tokenizer_json import load_tokenizer_json
from model.tokenizer.vocabulary import TokenizerConfig, read_tokenizer_config

_BYTE_PAIRS = TokenizerLayout()


def load_tokenizer(folder: Path, layouts: Sequence[TokenizerLayout] = (_BYTE_PAIRS,)) -> Tokenizer:
    """Load a tokenizer: from `tokenizer.json` if there is one, else by the family's layout.

    A layout with a `.spm` file for each side takes precedence, as `tokenizer.json` has one side.

    Args:
        folder: The checkpoint's folder.
        layouts: The layouts of the family, the usual one first. Of those whose `when` this
            checkpoint does not contradict, the one with most matching values is taken; of equals,
            the one with more of its files here.

    Raises:
        CheckpointError: A file is missing or broken; the message names it.
        UnsupportedModelError: A file has a feature that is not supported.
    """
    config = read_tokenizer_config(folder)
    if config.tokenizer_class == "ByT5Tokenizer":
        return ByteTokenizer(config)
    layout = _choose(folder, layouts, config)
    json_path = folder / "tokenizer.json"
    if json_path.exists() and not layout.target_spm:
        return load_tokenizer_json(json_path, layout, config)
    if layout.spm:
        return load_sentencepiece_tokenizer(folder, layout, config)
    return load_byte_pair_tokenizer(folder, config)


def _choose(
    folder: Path, layouts: Sequence[TokenizerLayout], config: TokenizerConfig
) -> TokenizerLayout:
    settings = {**config.settings, "tokenizer_class": config.tokenizer_class}

    def fitness(layout: TokenizerLayout) -> tuple[bool, int, int]:
        said = [(settings.get(key), value) for key, value in layout.when.items()]
        is_possible = all(found in (None, value) for found, value in said)
        has_all = all((folder / name).exists() for name in layout.files)
        num_true = sum(found == value for found, value in said)
        return is_possible, num_true, len(layout.files) if has_all else 0

    return max(layouts, key=fitness)
