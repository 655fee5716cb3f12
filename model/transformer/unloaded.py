"""A network without weights, to read its shapes or to fill it from a checkpoint."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from model.config import TransformerConfig
from model.transformer.seq2seq import Seq2SeqTransformer

_RANDOM = (nn.init.kaiming_uniform_, nn.init.normal_, nn.init.uniform_)


def unloaded(config: TransformerConfig) -> Seq2SeqTransformer:
    """Return the network with parameters on the meta device, which have shapes and no data."""
    with torch.device("meta"), _NoRandomNumbers():
        return Seq2SeqTransformer(config)


class _NoRandomNumbers(TorchFunctionMode):
    """A context in which the random initialization of a module does nothing.

    On the meta device it has no effect, but it imports PyTorch's compiler: 70 MB and 2 s.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        given = kwargs or {}
        if func in _RANDOM:
            return given.get("tensor")  # it returns its argument
        return func(*args, **given)
