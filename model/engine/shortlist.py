"""The best next token without computing every logit in full precision.

Half of a small model's decoding step goes into its vocabulary: tens of thousands of rows of weights
to read. Read as int8 they are a quarter or half of the bytes, and good enough to say which few
tokens can be the best; those few are then computed again with the weights as they are.
"""

import torch
from torch import Tensor

from model.engine.ranking import top_tokens
from model.transformer.packed import Int8Linear, WideInt8Linear

NUM_PROPOSED = 8
_LEAST_VOCABULARY = 16_384  # below, the whole product is as quick


class Shortlist:
    """int8 proposes, full precision decides.

    `suppressed` are token ids that are never the answer.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, *, suppressed: list[int]) -> None:
        full_bias = torch.zeros(len(weight)) if bias is None else bias.detach().float()
        self._bias = full_bias.index_fill(0, torch.tensor(suppressed, dtype=torch.int64), -1e9)
        self._weight = weight.detach()
        self._rough = WideInt8Linear(weight, self._bias)

    @staticmethod
    def pays_off(weight: Tensor) -> bool:
        """Whether the vocabulary is large and the kernel here; weight: (vocab, d_model)."""
        is_wide = weight.dtype is torch.bfloat16 and len(weight) >= _LEAST_VOCABULARY
        return is_wide and weight.device.type == "cpu" and Int8Linear.is_available()

    def best(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The token with the largest logit of each row.

        Args:
            hidden: (rows, d_model), of the weight's dtype.

        Returns:
            Logits in float32 and token ids, both (rows,).
        """
        hidden = hidden.float()
        _, proposed = top_tokens(self._rough(hidden), NUM_PROPOSED)
        weights = self._weight[proposed].float()  # (rows, proposed, d_model)
        logits = (weights @ hidden[:, :, None])[:, :, 0] + self._bias[proposed]
        values, winners = logits.max(dim=-1)
        return values, proposed.gather(1, winners[:, None])[:, 0]
