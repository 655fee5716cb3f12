"""Files of a hub's model that are downloaded, and their state in the hub's cache.

The cache is shared with `transformers` and `hf download`. `snapshots` are read here and `refs`
written; for the layout, see https://huggingface.co/docs/huggingface_hub/guides/manage-cache
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
    """Return whether a file matches a pattern and lies at the top of the repository."""
    return "/" not in name and any(fnmatchcase(name, pattern) for pattern in patterns)


def has_safetensors(names: Container[str]) -> bool:
    """Return whether a repository's files include safetensors weights, in one file or in shards."""
    return SINGLE_FILE in names or INDEX_FILE in names


def is_complete(folder: Path) -> bool:
    """Return whether it has a tokenizer and all weights; `transformers` may have fetched less."""
    if not any(matches(path.name, TOKENIZER_FILES) for path in folder.iterdir()):
        return False
    if (folder / SINGLE_FILE).exists():
        return True
    return (folder / INDEX_FILE).exists() and all(
        (folder / name).exists() for name in shards_of(folder)
    )


def shards_of(folder: Path) -> list[str]:
    """Return the files that the index names; none if it is invalid, which loading reports."""
    try:
        names = json.loads((folder / INDEX_FILE).read_bytes())["weight_map"].values()
        return sorted({name for name in names if matches(name, ("*.safetensors",))})
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def remember(revision: str, folder: Path) -> None:
    """Write the commit of a branch or tag to the cache's `refs`, for when the hub is down."""
    if COMMIT.fullmatch(revision):
        return
    ref = folder.parents[1] / "refs" / revision
    with suppress(OSError):  # a cache may be mounted read-only; the model can still be loaded
        if not ref.is_file() or ref.read_text() != folder.name:
            ref.parent.mkdir(parents=True, exist_ok=True)
            ref.write_text(folder.name)
