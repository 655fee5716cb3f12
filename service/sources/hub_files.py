"""Which files of a hub's model are ours, and which of them its cache has.

The cache is the hub's own, so that what `transformers` or `hf download` fetched is not fetched
again, and the other way round. Its layout, of which `snapshots` are read and `refs` written, is at
https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

import json
import re
from collections.abc import Container
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from model.weights.files import INDEX_FILE, SINGLE_FILE

COMMIT = re.compile(r"[0-9a-f]{40}")

CONFIG = "config.json"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "target_vocab.json",
    "merges.txt",
    "*.spm",
    "*.model",
)
PICKLES = ("*.bin", "*.pt", "*.h5", "*.msgpack", "*.ot")


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a file is one of those, and not in a folder of the repository."""
    return "/" not in name and any(fnmatchcase(name, pattern) for pattern in patterns)


def has_safetensors(names: Container[str]) -> bool:
    """Whether a model's weights are among the files of a repository, in one file or in shards."""
    return SINGLE_FILE in names or INDEX_FILE in names


def is_complete(folder: Path) -> bool:
    """Whether a model can be loaded: `transformers` may have fetched the tokenizer alone."""
    if not any(matches(path.name, TOKENIZER_FILES) for path in folder.iterdir()):
        return False
    if (folder / SINGLE_FILE).exists():
        return True
    return (folder / INDEX_FILE).exists() and all(
        (folder / name).exists() for name in shards_of(folder)
    )


def shards_of(folder: Path) -> list[str]:
    """The files that an index names; what is wrong with it, the loader says."""
    try:
        names = json.loads((folder / INDEX_FILE).read_bytes())["weight_map"].values()
        return sorted({name for name in names if matches(name, ("*.safetensors",))})
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def remember(revision: str, folder: Path) -> None:
    """Note which commit a branch or tag is, for when the hub cannot be asked."""
    if COMMIT.fullmatch(revision):
        return
    ref = folder.parents[1] / "refs" / revision
    with suppress(OSError):  # a cache may be mounted read-only; what it has can be loaded still
        if not ref.is_file() or ref.read_text() != folder.name:
            ref.parent.mkdir(parents=True, exist_ok=True)
            ref.write_text(folder.name)
