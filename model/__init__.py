"""The transformer, its weights, its tokenizers and the decoding engine: plain PyTorch, no HTTP.

    from model import TextModel

What is public is imported when it is first used, so that `import model.errors` needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.errors import ModelError
    from model.text_job import GenerationOptions, TextOutput
    from model.text_model import TextModel

__all__ = ["GenerationOptions", "ModelError", "TextModel", "TextOutput"]

_HOMES = {
    "GenerationOptions": "model.text_job",
    "ModelError": "model.errors",
    "TextModel": "model.text_model",
    "TextOutput": "model.text_job",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
