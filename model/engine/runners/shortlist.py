"""The best next token without computing all logits in full precision.

Half of a small model's decoding step is its output projection, which reads tens of thousands of
rows of weights. In int8 they are a quarter or half of the bytes, and exact enough to propose a few
tokens; the logits of these are then computed with the original weights.
"""

import torch
from torch import Tensor, nn

from model.engine.choosing.ranking import top_tokens

NUM_PROPOSED = 8
_SUPPRESSED = -1e9


class Shortlist:
    """An output projection that finds each row's best token only.

    `rough` computes approximate logits, bias included, to propose `NUM_PROPOSED` tokens; `weight`
    and `bias` decide among them. `suppressed` are token ids that are never returned.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, *, rough: nn.Module, suppressed: list[int]
    ) -> None:
        self._suppressed = torch.tensor(suppressed, dtype=torch.int64)
        full_bias = torch.zeros(len(weight)) if bias is None else bias.detach().float()
        self._bias = full_bias.index_fill(0, self._suppressed, _SUPPRESSED)
        self._weight = weight.detach()
        self._rough = rough

    def best(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return the largest logit of each row and its token.

        Args:
            hidden: (rows, d_model), of the weight's dtype.

        Returns:
            Logits in float32 and token ids, both (rows,).
        """
        hidden = hidden.float()
        rough = self._rough(hidden).index_fill_(1, self._suppressed, _SUPPRESSED)
        _, proposed = top_tokens(rough, NUM_PROPOSED)
        weights = self._weight[proposed].float()  # (rows, proposed, d_model)
        logits = (weights @ hidden[:, :, None])[:, :, 0] + self._bias[proposed]
        values, winners = logits.max(dim=-1)
        return values, proposed.gather(1, winners[:, None])[:, 0]
